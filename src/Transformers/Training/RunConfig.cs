using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Audio;
using Transformers.Data.Images;
using Transformers.Data.ImageText;
using Transformers.Data.Sentences;
using Transformers.Data.Series;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Models;

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
