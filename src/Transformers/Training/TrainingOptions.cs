using Transformers.Data.Text;
using Transformers.Native;
using Transformers.Processes;
using Transformers.Runs;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>How a run begins.</summary>
public enum ResumeMode
{
    /// <summary>Resume where the folder stopped; start where it is empty.</summary>
    Auto,
    /// <summary>Start; a folder that contains a run is an error.</summary>
    Never,
}

/// <summary>The options of a run besides its config.</summary>
public sealed record TrainingOptions
{
    /// <summary>The run's folder.</summary>
    public required string Run { get; init; }
    /// <summary>How to begin.</summary>
    public ResumeMode Resume { get; init; }
    /// <summary>A checkpoint folder to resume from, instead of the run's own newest.</summary>
    public string? ResumeFrom { get; init; }
    /// <summary>A run or checkpoint whose weights, and tokenizer if it has one, a new run starts from.</summary>
    public string? From { get; init; }
    /// <summary>The run's own checkpoint, from which a run that was started with <see cref="From"/> resumes: it contains everything that was loaded, so the other run need no longer exist.</summary>
    internal string? Own { get; init; }
    /// <summary>The run or checkpoint from which weights, tokenizer and statistics are loaded; null for none.</summary>
    internal string? TakenFrom => From is null ? null : Own ?? From;
    /// <summary>Called with the task before the first step; an exception ends the run.</summary>
    public Action<TrainingTask>? BeforeSteps { get; init; }
    /// <summary>End after this step of the run; a later call continues.</summary>
    public long? MaxSteps { get; init; }
    /// <summary>End after this time.</summary>
    public TimeSpan? MaxTime { get; init; }
    /// <summary>The device.</summary>
    public Device Device { get => field ?? NativeLibraries.Cpu; init; }
    /// <summary>The folder of prepared data.</summary>
    public string Cache { get; init; } = DataCache.Folder;
    /// <summary>The processes that train together; the first one writes.</summary>
    public Communicator Processes { get; init; } = Communicator.Single;
}

/// <summary>Derives independent random streams from a run's one seed, by purpose.</summary>
public static class SeedStreams
{
    /// <summary>The seed of a purpose: the same for every run with that seed, and different from those of other purposes.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="purpose">For example <c>weights</c>, <c>batches</c>, <c>dropout</c>.</param>
    public static ulong Of(ulong seed, string purpose) =>
        BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{purpose}/{seed}")))) & long.MaxValue;
}

/// <summary>The result of a run: <c>result.json</c>, and what <c>train --json</c> prints.</summary>
public sealed record TrainResult
{
    /// <summary>The reason of a run that ended because its validation has not improved for as long as the config allows.</summary>
    public const string Patience = "patience";

    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.train/1";
    /// <summary>The run's folder.</summary>
    public required string Run { get; init; }
    /// <summary>The run whose weights it started from, as <c>--from</c> named it; absent without one.</summary>
    public string? From { get; init; }
    /// <summary>The kind of model.</summary>
    public required string Model { get; init; }
    /// <summary>The number of parameters; one that is used twice counts once.</summary>
    public required long Parameters { get; init; }
    /// <summary>The total number of steps done.</summary>
    public required long Steps { get; init; }
    /// <summary>Seconds of training in all runs of this folder, set-up excluded.</summary>
    public required double Seconds { get; init; }
    /// <summary>Tokens per second, validation excluded.</summary>
    public double? TokensPerSecond { get; init; }
    /// <summary>Images per second, validation excluded.</summary>
    public double? ImagesPerSecond { get; init; }
    /// <summary>Mean loss of the last reported steps, in nats per target; absent if none was reported.</summary>
    public double? TrainLoss { get; init; }
    /// <summary>Loss of the last step over the whole validation split, in nats per target; absent without one.</summary>
    public double? ValLoss { get; init; }
    /// <summary>The best validation.</summary>
    public BestResult? Best { get; init; }
    /// <summary>Further metrics of the last step.</summary>
    public required IReadOnlyDictionary<string, double> Metrics { get; init; }
    /// <summary>The peak resident memory, in bytes.</summary>
    public required long PeakMemoryBytes { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Where it ran.</summary>
    public required string Device { get; init; }
    /// <summary>The number of processes that trained together; absent for one.</summary>
    public int? Processes { get; init; }
    /// <summary>Steps whose loss or gradient was not a number and that were skipped, in all runs of this folder.</summary>
    public long SkippedSteps { get; init; }
    /// <summary>How often the run went back to an earlier checkpoint.</summary>
    public long RollBacks { get; init; }
    /// <summary>The fraction of training time spent waiting for data, from 0 to 1.</summary>
    public double DataWait { get; init; }
    /// <summary>How often each class (row) was predicted as each (column) in the last validation; only for classifiers.</summary>
    public IReadOnlyList<IReadOnlyList<long>>? Confusion { get; init; }
    /// <summary>The classes' names, in the order of the matrix.</summary>
    public IReadOnlyList<string>? Labels { get; init; }
    /// <summary>Some translations of the last validation, next to their references; only for encoder-decoders.</summary>
    public IReadOnlyList<OutputExample>? Examples { get; init; }
    /// <summary>Why the run ended before its last step: <c>sigint</c>, <c>sigterm</c>, <c>sighup</c>, <c>max_time</c>, <c>max_steps</c>, <c>patience</c>; absent if it did not.</summary>
    public string? Stopped { get; init; }

    /// <summary>The result that a run has written; null if there is none.</summary>
    /// <exception cref="UserException">It is not a result.</exception>
    internal static TrainResult? Read(RunFolder folder)
    {
        if (!folder.IsFinished) return null;
        try
        {
            return JsonSerializer.Deserialize<TrainResult>(folder.ReadText("result.json"), JsonStyle.Options) ?? throw Damaged("it is null");
        }
        catch (JsonException exception)
        {
            throw Damaged(exception.Message, exception);
        }

        UserException Damaged(string why, Exception? inner = null) =>
            new([new Problem($"is not a result: {why}", folder.ResultFile, Hint: "delete it: the run then resumes from its newest checkpoint and writes it again")], inner);
    }
}

/// <summary>The best validation of a run.</summary>
/// <param name="Step">Its step.</param>
/// <param name="ValLoss">Its loss, in nats per target.</param>
public sealed record BestResult(long Step, double ValLoss);
