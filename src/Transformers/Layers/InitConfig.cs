using Transformers.Configs;

namespace Transformers.Layers;

/// <summary>How weights start; closed by <c>kind</c>.</summary>
public abstract record InitConfig;

/// <summary>Normal, with the layers that write to the residual stream scaled by 1/√(2L).</summary>
/// <remarks>Radford et al. 2019, section 2.3.</remarks>
[Kind("gpt2")]
public sealed record Gpt2Init : InitConfig
{
    /// <summary>The standard deviation.</summary>
    [Between(1e-6, 10)]
    public double Std { get; init; } = 0.02;
}

/// <summary>Uniform within ±√(6/(inputs + outputs)).</summary>
/// <remarks>Glorot and Bengio 2010.</remarks>
[Kind("xavier")]
public sealed record XavierInit : InitConfig;

/// <summary>Normal, drawn again beyond two standard deviations.</summary>
[Kind("truncated_normal")]
public sealed record TruncatedNormalInit : InitConfig
{
    /// <summary>The standard deviation before truncation.</summary>
    [Between(1e-6, 10)]
    public double Std { get; init; } = 0.02;
}
