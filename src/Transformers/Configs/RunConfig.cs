using Transformers.Data;
using Transformers.Models;
using Transformers.Training;

namespace Transformers.Configs;

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
    }
}

/// <summary>A model alone: a preset to inspect and to merge with a config that has data and training.</summary>
public sealed record ModelFragment
{
    /// <summary>The network.</summary>
    public required ModelConfig Model { get; init; }
}
