using Transformers.Configs;

namespace Transformers.Layers;

/// <summary>How a model knows where a token stands; closed by <c>kind</c>.</summary>
public abstract record PositionsConfig;

/// <summary>A learned vector for each place.</summary>
[Kind("learned")]
public sealed record LearnedPositions : PositionsConfig;

/// <summary>Fixed sines and cosines that are added to the embeddings.</summary>
/// <remarks>Vaswani et al. 2017, section 3.5.</remarks>
[Kind("sinusoidal")]
public sealed record SinusoidalPositions : PositionsConfig
{
    /// <summary>The base of the wavelengths, which run from 2π to this times 2π.</summary>
    [Positive]
    public double Base { get; init; } = 10_000;
}

/// <summary>Queries and keys are rotated by their place.</summary>
/// <remarks>Su et al. 2021, section 3.4.2.</remarks>
[Kind("rotary")]
public sealed record RotaryPositions : PositionsConfig
{
    /// <summary>The base of the wavelengths.</summary>
    [Positive]
    public double Base { get; init; } = 10_000;
}

/// <summary>Attention scores fall linearly with distance.</summary>
/// <remarks>Press et al. 2022, section 3.</remarks>
[Kind("alibi")]
public sealed record AlibiPositions : PositionsConfig;

/// <summary>A learned bias for each head and each bucket of distances.</summary>
/// <remarks>Raffel et al. 2020, section 2.1.</remarks>
[Kind("relative")]
public sealed record RelativePositions : PositionsConfig, IChecked
{
    /// <summary>The number of buckets; half of them hold one distance each, the others ever more.</summary>
    [Between(2, 65_536)]
    public int Buckets { get; init; } = 32;

    /// <summary>The distance, in tokens, from which on all share the last bucket.</summary>
    [Between(2, 10_000_000)]
    public int MaxDistance { get; init; } = 128;

    /// <inheritdoc/>
    public void Check(ConfigCheck check) =>
        check.That(MaxDistance > Buckets / 2, "max_distance", $"({MaxDistance}) must be above half of {check.At("buckets")} ({Buckets})");
}

/// <summary>No positions: only the causal mask tells order.</summary>
[Kind("none")]
public sealed record NoPositions : PositionsConfig;
