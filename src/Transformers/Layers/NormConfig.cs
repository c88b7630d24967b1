using Transformers.Configs;

namespace Transformers.Layers;

/// <summary>The normalisation; closed by <c>kind</c>.</summary>
public abstract record NormConfig
{
    /// <summary>Where a block normalises.</summary>
    public NormPlacement Placement { get; init; }

    /// <summary>What is added to the variance (or mean square) before the root.</summary>
    [Between(1e-12, 0.1)]
    public double Epsilon { get; init; } = 1e-5;
}

/// <summary>Where a block normalises.</summary>
public enum NormPlacement
{
    /// <summary>Before each sublayer, and once before the output layer: x + f(norm(x)).</summary>
    Pre,
    /// <summary>After each residual sum: norm(x + f(x)).</summary>
    Post,
}

/// <summary>Mean and variance are normalised.</summary>
/// <remarks>Ba et al. 2016.</remarks>
[Kind("layer")]
public sealed record LayerNormConfig : NormConfig;

/// <summary>The root mean square is normalised.</summary>
/// <remarks>Zhang and Sennrich 2019.</remarks>
[Kind("rms")]
public sealed record RmsNormConfig : NormConfig;
