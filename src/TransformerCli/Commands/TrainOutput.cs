using Transformers.Configs;
using Transformers.Training;
using TransformerCli.Progress;

namespace TransformerCli.Commands;

/// <summary>What <c>train</c> came to: of one run, of several seeds, or of a dry run.</summary>
/// <param name="Document">What <c>--json</c> prints.</param>
/// <param name="Write">Prints it for a person.</param>
/// <param name="Judged">What expectations are about; null for none.</param>
/// <param name="Stopped">Why it ended early.</param>
/// <param name="Lacks">What the run would lack on this machine.</param>
sealed record TrainOutput(object Document, Action<TextWriter> Write, object? Judged, string? Stopped, Shortage? Lacks = null)
{
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
        var result = Transformers.Training.DryRun.Start(config, options, observer, stop) with { Seeds = seeds };
        return new TrainOutput(result, writer => DryRunSummary.Write(writer, result), null, null, DryRunSummary.ProblemOf(result));
    }

    /// <summary>Means by name, as <c>--expect</c> names them.</summary>
    sealed record Means(IReadOnlyDictionary<string, double> Metrics);
}
