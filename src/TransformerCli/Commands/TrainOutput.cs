using System.Text.Json;
using TransformerCli.Output;
using Transformers.Evaluation;
using Transformers.Kinds;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary>The result of <c>train</c>: of one run, of several seeds, or of a dry run.</summary>
/// <param name="Document">What <c>--json</c> prints.</param>
/// <param name="Write">Prints it for a person.</param>
/// <param name="Expected">The document that <c>--expect</c> is about; null for none.</param>
/// <param name="Stopped">Why it ended early.</param>
/// <param name="Shortage">What the run would lack on this machine.</param>
sealed record TrainOutput(object Document, Action<TextWriter> Write, object? Expected, string? Stopped, Shortage? Shortage = null)
{
    /// <summary>What validations measure besides the loss, by the kind of model; docs/json.md has the same list.</summary>
    internal static IReadOnlyList<string> Metrics { get; } =
        ["perplexity", "bits_per_byte", "bleu", "chrf", "exact", "accuracy", "top1", "top5", "macro_f1", "calibration_error", "masked_accuracy", "match_accuracy", .. SeriesComparison.AllNames];

    /// <summary>The numbers of a result, by the names that <c>--expect</c> uses.</summary>
    internal static IReadOnlyList<string> ResultNames { get; } =
    [
        .. typeof(TrainResult).GetProperties().Where(property => IsNumber(property.PropertyType)).Select(property => NameOf(property.Name)),
        .. typeof(BestResult).GetProperties().Where(property => IsNumber(property.PropertyType)).Select(property => $"best.{NameOf(property.Name)}"),
        .. Metrics,
    ];

    /// <summary>The numbers of the result of a run that is about to start.</summary>
    internal static IReadOnlyList<string> NamesOf(TrainingTask task) =>
        [.. ResultNames.Except(Metrics).Where(name => name switch
        {
            "val_loss" => task.HasValidation,
            "tokens_per_second" or "images_per_second" => name == $"{task.Unit}_per_second",
            _ => task.HasValidation || !name.StartsWith("best.", StringComparison.Ordinal),
        }), .. task.HasValidation ? task.MetricNames : []];

    static bool IsNumber(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is { IsPrimitive: true } plain && plain != typeof(bool);

    static string NameOf(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);

    internal static TrainOutput Run(RunConfig config, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var result = TrainingRun.Start(config, options, observer, stop);
        return new TrainOutput(result, writer => Summaries.Write(writer, result), result, result.Stopped);
    }

    internal static TrainOutput Seeds(RunConfig config, TrainingOptions options, int count, ITrainingObserver observer, StopRequest stop)
    {
        var result = SeedRuns.Start(config, options, count, observer, stop);
        return new TrainOutput(result, writer => Summaries.Write(writer, result), result.Runs.Count == 0 ? null : new Means(result.Mean), result.Stopped);
    }

    internal static TrainOutput DryRun(RunConfig config, TrainingOptions options, int? count, ITrainingObserver observer, StopRequest stop)
    {
        var seeds = count is { } several ? SeedRuns.SeedsOf(config, several) : null;
        if (seeds is not null) options = options with { Run = SeedRuns.FolderOf(options.Run, config.Seed) };
        var result = Transformers.Kinds.DryRun.Start(config, options, observer, stop) with { Seeds = seeds };
        return new TrainOutput(result, writer => Summaries.Write(writer, result), null, null, FindShortage(result));
    }

    static Shortage? FindShortage(DryRunResult result)
    {
        if (!result.Memory.Fits)
            return new Shortage(ExitCodes.OutOfMemory, $"the run needs {ProgressText.Bytes(result.Memory.Needed)} of memory, but {ProgressText.Bytes(result.Memory.Available!.Value)} are available (lower training.batch.micro or the model's size)");
        return result.Disk.Fits ? null
            : new Shortage(ExitCodes.UserError, $"the run's checkpoints need {ProgressText.Bytes(result.Disk.Needed)}, but {ProgressText.Bytes(result.Disk.Available!.Value)} are free on the disk of the run's folder (lower training.checkpoint.keep, or put --run on another disk)");
    }

    // Means by the names that --expect uses.
    sealed record Means(IReadOnlyDictionary<string, double> Metrics);
}

/// <summary>What a run would lack.</summary>
/// <param name="Code">The exit code.</param>
/// <param name="Message">What, how much, and what to do.</param>
sealed record Shortage(int Code, string Message);
