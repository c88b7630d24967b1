using Transformers.Configs;

namespace Transformers.Layers;

/// <summary>How a model knows where in an image a patch stands; closed by <c>kind</c>.</summary>
public abstract record ImagePositionsConfig;

/// <summary>A learned vector for each place of the grid; interpolated where an image has another size.</summary>
/// <remarks>Dosovitskiy et al. 2021, section 3.1 and, for other sizes, section 3.2.</remarks>
[Kind("learned")]
public sealed record LearnedImagePositions : ImagePositionsConfig;

/// <summary>Fixed sines and cosines of column and row.</summary>
/// <remarks>Chen et al. 2021 (MoCo v3), section 5.</remarks>
[Kind("sinusoidal")]
public sealed record SinusoidalImagePositions : ImagePositionsConfig
{
    /// <summary>The base of the wavelengths, which run from 2π to this times 2π patches.</summary>
    [Positive]
    public double Base { get; init; } = 10_000;
}

/// <summary>No positions: the image is a bag of patches.</summary>
[Kind("none")]
public sealed record NoImagePositions : ImagePositionsConfig;
