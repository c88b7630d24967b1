using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Models;

namespace Transformers.Training;

/// <summary>Everything that decides a training run.</summary>
public sealed record RunConfig : IChecked
{
    /// <summary>The seed from which every stream of random numbers (initial weights, order of data, sampling) is derived.</summary>
    public ulong Seed { get; init; } = 1337;

    /// <summary>What is learnt from.</summary>
    public required DataConfig Data { get; init; }

    /// <summary>The network.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>How the network is trained.</summary>
    public required TrainingConfig Training { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        if (Model is GptConfig { Context: var context } && Training.Batch.Tokens is { } tokens)
            check.That(tokens % context == 0, "training.batch.tokens", $"({tokens}) must be a multiple of model.context ({context})",
                $"for example {Math.Max(1, (tokens + context / 2) / context) * context}");
        if (Data is ImageDataConfig images) CheckImages(check, images);
    }

    void CheckImages(ConfigCheck check, ImageDataConfig images)
    {
        check.That(Training.Batch.Sequences is not null, "training.batch.tokens", $"({Training.Batch.Tokens}) is for text", "give training.batch.sequences, the images of a step");
        if (Model is not ImageModelConfig model) return;
        if (model.Size is { } size)
            check.That(size == images.Input.Size, "model.size", $"({size}) must be data.input.size ({images.Input.Size})");
        if (model.Channels is { } channels)
            check.That(channels == images.Input.Channels, "model.channels", $"({channels}) must be data.input.channels ({images.Input.Channels})");
        if (model is VitConfig { Patch: var patch })
            check.That(images.Input.Size % patch == 0, "model.patch", $"({patch}) must divide data.input.size ({images.Input.Size})");
    }
}

/// <summary>A model alone: a preset to inspect and to merge with a config that has data and training.</summary>
public sealed record ModelFragment
{
    /// <summary>Reads a run's config or a model alone, whichever the files have.</summary>
    /// <returns>A <see cref="ModelFragment"/> where there is a model and nothing else, otherwise a <see cref="RunConfig"/>.</returns>
    /// <inheritdoc cref="ConfigFile.Load{T}"/>
    public static object LoadOrRun(IReadOnlyList<string> files, IReadOnlyList<string>? sets = null) => ConfigFile.LoadPartOrWhole<ModelFragment, RunConfig>("model", files, sets);

    /// <summary>The network.</summary>
    public required ModelConfig Model { get; init; }
}
