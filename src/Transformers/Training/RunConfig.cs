using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Audio;
using Transformers.Data.ImageText;
using Transformers.Data.Images;
using Transformers.Data.Sentences;
using Transformers.Data.Series;
using Transformers.Data.Text;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Everything that determines a training run.</summary>
public sealed record RunConfig : IChecked
{
    /// <summary>The seed from which every stream of random numbers (initial weights, order of data, sampling) is derived.</summary>
    public ulong Seed { get; init; } = 1337;

    /// <summary>The data.</summary>
    public required DataConfig Data { get; init; }

    /// <summary>The network.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>How the network is trained.</summary>
    public required TrainingConfig Training { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        if (Model.RowLength() is { } context && Training.Batch.Tokens is { } tokens)
            check.That(tokens % context == 0, "training.batch.tokens", $"({tokens}) must be a multiple of model.context ({context})",
                $"for example {Math.Max(1, (tokens + context / 2) / context) * context}");
        if (Model.RowLength() is { } length && Training.Batch.Sequences is { } rows)
            check.That((long)rows * length <= BatchConfig.LargestTokens, "training.batch.sequences", $"({rows}) times model.context ({length}) must be at most {BatchConfig.LargestTokens} tokens",
                $"at most {BatchConfig.LargestTokens / length}");
        if (Data is ImageDataConfig or ImageTextDataConfig or SeriesDataConfig or LabelledSeriesDataConfig or AudioDataConfig)
            check.That(Training.Batch.Sequences is not null, "training.batch.tokens", $"({Training.Batch.Tokens}) is for text", $"give training.batch.sequences, the {Data switch { SeriesDataConfig => "windows", LabelledSeriesDataConfig => "series", AudioDataConfig => "recordings", _ => "images" }} per step");
        Model.CheckData(check, Data);
    }
}

/// <summary>A model alone: a preset to inspect and to merge with a config that has data and training.</summary>
public sealed record ModelFragment
{
    /// <summary>Reads a run's config or a model alone, whichever the files have.</summary>
    /// <returns>A <see cref="ModelFragment"/> if there is only a model, otherwise a <see cref="RunConfig"/>.</returns>
    /// <inheritdoc cref="ConfigFile.Load{T}"/>
    public static object LoadOrRun(IReadOnlyList<string> files, IReadOnlyList<string>? sets = null) => ConfigFile.LoadPartOrWhole<ModelFragment, RunConfig>("model", files, sets);

    /// <summary>The network.</summary>
    public required ModelConfig Model { get; init; }
}

/// <summary><c>--data PATH</c>: the same data set, read from elsewhere.</summary>
public static class DataOverride
{
    /// <summary>A config whose data come from a file or a folder.</summary>
    /// <exception cref="UserException">The path does not exist, or data of this kind are not read from a path.</exception>
    /// <param name="path">The file or folder; null for the config's own.</param>
    /// <param name="include">Which files in folders are read as text; null for the config's own.</param>
    public static RunConfig Apply(RunConfig config, string? path, IReadOnlyList<string>? include)
    {
        if (path is not null) config = Apply(config, path);
        if (include is null) return config;
        return config.Data is TextDataConfig { Source: TextFilesConfig files } text ? config with { Data = text with { Source = files with { Include = include } } }
            : throw new UserException("--include is for text that is read from files", "name them with --data, or leave --include out");
    }

    /// <inheritdoc cref="Apply(RunConfig, string?, IReadOnlyList{string}?)"/>
    public static RunConfig Apply(RunConfig config, string path)
    {
        if (!File.Exists(path) && !Directory.Exists(path))
            throw new UserException([new Problem("the file or folder does not exist", path, Path: "--data", Hint: Suggestion.ForPath(path))]);
        return config with
        {
            Data = config.Data switch
            {
                TextDataConfig text => text with { Source = TextSources.WithFiles(text.Source, path) },
                AudioDataConfig audio => audio with { Source = new AudioFolderConfig { Path = path } },
                LabelledSeriesDataConfig series => series with { Source = LabelledSeriesFolder.Open(path) },
                SeriesDataConfig series => series with { Source = series.Source is SeriesFileConfig files ? files with { Path = path } : new SeriesFileConfig { Path = path } },
                ImageDataConfig images => images with { Source = new ImageFilesConfig { Path = path } },
                ParallelDataConfig parallel => parallel with { Source = parallel.Source.At(path) },
                ImageTextDataConfig pairs => pairs with { Source = pairs.Source.At(path) },
                LabelledDataConfig labelled => labelled with { Source = labelled.Source.At(path) },
                var other => throw new UserException($"--data: data of kind {KindAttribute.Of(other)} are not read from a path"),
            },
        };
    }
}

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
