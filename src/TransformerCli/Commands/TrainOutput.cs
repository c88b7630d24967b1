using System.Text.Json;
using TransformerCli.Progress;
using Transformers.Kinds;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary>What <c>train</c> came to: of one run, of several seeds, or of a dry run.</summary>
/// <param name="Document">What <c>--json</c> prints.</param>
/// <param name="Write">Prints it for a person.</param>
/// <param name="Judged">What expectations are about; null for none.</param>
/// <param name="Stopped">Why it ended early.</param>
/// <param name="Lacks">What the run would lack on this machine.</param>
sealed record TrainOutput(object Document, Action<TextWriter> Write, object? Judged, string? Stopped, Shortage? Lacks = null)
{
    /// <summary>What validations measure besides the loss, by the kind of model; docs/json.md has the same list.</summary>
    internal static IReadOnlyList<string> Metrics { get; } =
        ["perplexity", "bits_per_byte", "bleu", "chrf", "exact", "accuracy", "top1", "top5", "macro_f1", "calibration_error", "masked_accuracy"];

    /// <summary>The numbers that a result can have, by the names that expectations use.</summary>
    internal static IReadOnlyList<string> Numbers { get; } =
    [
        .. typeof(TrainResult).GetProperties().Where(property => IsNumber(property.PropertyType)).Select(property => NameOf(property.Name)),
        .. typeof(BestResult).GetProperties().Where(property => IsNumber(property.PropertyType)).Select(property => $"best.{NameOf(property.Name)}"),
        .. Metrics,
    ];

    static bool IsNumber(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is { IsPrimitive: true } plain && plain != typeof(bool);

    static string NameOf(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);

    internal static TrainOutput Run(RunConfig config, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var result = TrainingRun.Start(config, options, observer, stop);
        return new TrainOutput(result, writer => TrainSummary.Write(writer, result), result, result.Stopped);
    }

    internal static TrainOutput Seeds(RunConfig config, TrainingOptions options, int count, ITrainingObserver observer, StopRequest stop)
    {
        var result = SeedRuns.Start(config, options, count, observer, stop);
        return new TrainOutput(result, writer => SeedsSummary.Write(writer, result), result.Runs.Count == 0 ? null : new Means(result.Mean), result.Stopped);
    }

    internal static TrainOutput DryRun(RunConfig config, TrainingOptions options, int? count, ITrainingObserver observer, StopRequest stop)
    {
        var seeds = count is { } several ? SeedRuns.SeedsOf(config, several) : null;
        if (seeds is not null) options = options with { Run = SeedRuns.FolderOf(options.Run, config.Seed) };
        var result = Transformers.Kinds.DryRun.Start(config, options, observer, stop) with { Seeds = seeds };
        return new TrainOutput(result, writer => DryRunSummary.Write(writer, result), null, null, DryRunSummary.ProblemOf(result));
    }

    /// <summary>Means by name, as <c>--expect</c> names them.</summary>
    sealed record Means(IReadOnlyDictionary<string, double> Metrics);
}
