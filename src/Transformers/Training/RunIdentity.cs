using System.Security.Cryptography;
using System.Text;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>A run's config and input files, which decide whether it can resume from a checkpoint.</summary>
public sealed class RunIdentity
{
    readonly StateHashes hashes;
    readonly string precision;
    readonly RunConfig config;

    /// <summary>The identity of a run.</summary>
    /// <param name="config">The run's config.</param>
    /// <param name="inputFiles">Name and content of the files that turn input into numbers; they are saved in each checkpoint.</param>
    /// <param name="inputHash">The hash of them all.</param>
    /// <param name="precision"><c>fp32</c> or <c>bf16</c>.</param>
    public RunIdentity(RunConfig config, IReadOnlyDictionary<string, byte[]> inputFiles, string inputHash, string precision)
    {
        (this.config, InputFiles, this.precision) = (config, inputFiles, precision);
        Yaml = ConfigWriter.ToYaml(config);
        hashes = HashesOf(config, inputHash);
    }

    /// <summary>The config.</summary>
    internal string Yaml { get; }

    /// <summary>Name and content of the files that turn input into numbers.</summary>
    internal IReadOnlyDictionary<string, byte[]> InputFiles { get; }

    /// <summary>The state of this run for a checkpoint.</summary>
    internal TrainingState StateOf(TrainerState trainer) => new()
    {
        Trainer = trainer,
        Hashes = hashes,
        Precision = precision,
        Threads = get_num_threads(),
        Versions = new WriterVersions(typeof(RunIdentity).Assembly.GetName().Version?.ToString(3) ?? "", NativeLibraries.Load().Version, Environment.Version.ToString()),
    };

    /// <summary>Reads the state of a checkpoint of this run, and warns of what has changed since.</summary>
    /// <exception cref="CheckpointException">The checkpoint is of another model, tokenizer or image transform.</exception>
    public TrainerState ReadState(Checkpoint checkpoint, ITrainingObserver observer)
    {
        var saved = checkpoint.ReadState();
        CheckFits(checkpoint, saved.Hashes);
        if (saved.Hashes.Config != hashes.Config && ConfigDifferences.Of(ConfigOf(checkpoint), config) is { Count: > 0 } differences)
            observer.Warn($"the run continues with settings that differ from those it was saved with: {string.Join("; ", differences)}{NewRate(ConfigOf(checkpoint), saved.Trainer.Step + 1)}");
        if (saved.Threads != get_num_threads()) observer.Warn($"the run continues with {Amount.Of(get_num_threads(), "thread")}; it was saved with {saved.Threads}: sums may round differently");
        if (saved.Precision != precision) observer.Warn($"the run continues in {precision}; it was saved in {saved.Precision}");
        return saved.Trainer;
    }

    void CheckFits(Checkpoint checkpoint, StateHashes saved)
    {
        if (saved.Model != hashes.Model && ConfigDifferences.Of(ConfigOf(checkpoint).Model, config.Model, "model") is { Count: > 0 } differences)
            throw new CheckpointException(checkpoint.Folder, $"the config's model differs from the one that was saved: {string.Join("; ", differences)}", "give the run another folder with --run, or start again with --resume=never in an empty one");
        if (saved.Tokenizer == hashes.Tokenizer) return;
        var changed = ConfigDifferences.Of(ConfigOf(checkpoint).Data, config.Data, "data");
        throw new CheckpointException(checkpoint.Folder,
            $"the data are not read as they were when the run was saved (tokenizer, transform or classes): {(changed.Count > 0 ? string.Join("; ", changed) : "the settings are the same, but the files' contents differ")}",
            "give the run another folder with --run, or repeat the --from that it started with");
    }

    // For example, a larger number of steps stretches a schedule, which raises its rate again.
    string NewRate(RunConfig before, long step)
    {
        var (old, now) = (RateAt(before, step), RateAt(config, step));
        return Math.Abs(old - now) <= 1e-9 * Math.Abs(old) ? "" : FormattableString.Invariant($"; so the learning rate of step {step} is {now:G4} and would have been {old:G4}");
    }

    static double RateAt(RunConfig config, long step) =>
        new Schedule(config.Training.Schedule, config.Training.Optimizer.Lr, config.Training.Steps, config.Model.Width).At(step);

    // Another version may have written the same config with its settings in another order, so the hashes alone do not decide.
    static RunConfig ConfigOf(Checkpoint checkpoint) =>
        ConfigFile.Parse<RunConfig>(checkpoint.ReadText(CheckpointFiles.Config), checkpoint.PathOf(CheckpointFiles.Config));

    static StateHashes HashesOf(RunConfig config, string inputHash) =>
        new(HashOf(ConfigWriter.ToYaml(config)), HashOf(ConfigWriter.ToYaml(new ModelFragment { Model = config.Model })), inputHash);

    static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
