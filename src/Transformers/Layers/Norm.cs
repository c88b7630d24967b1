using TorchSharp.Modules;
using Transformers.Configs;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>The normalisation.</summary>
public abstract record NormConfig
{
    /// <summary>Where a block normalises.</summary>
    public NormPlacement Placement { get; init; }

    /// <summary>The number added to the variance (or mean square) before the square root.</summary>
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

/// <summary>Layer normalisation: subtracts the mean and divides by the standard deviation.</summary>
/// <remarks>Ba et al. 2016.</remarks>
[Kind("layer")]
public sealed record LayerNormConfig : NormConfig;

/// <summary>RMSNorm: divides by the root mean square.</summary>
/// <remarks>Zhang and Sennrich 2019.</remarks>
[Kind("rms")]
public sealed record RmsNormConfig : NormConfig;

/// <summary>Normalises the last dimension.</summary>
/// <remarks>Layer norm: Ba et al. 2016. RMSNorm: Zhang and Sennrich 2019.</remarks>
public sealed class Norm : nn.Module<Tensor, Tensor>
{
    readonly Parameter weight;
    readonly Parameter? bias;
    readonly double epsilon;
    readonly bool rms;

    /// <summary>Creates the norm of a config.</summary>
    /// <param name="config">The kind and its epsilon.</param>
    /// <param name="width">The width D.</param>
    /// <param name="bias">Whether a layer norm has a bias; RMSNorm has none.</param>
    public Norm(NormConfig config, int width, bool bias = true) : base(nameof(Norm))
    {
        rms = config is RmsNormConfig;
        epsilon = config.Epsilon;
        weight = nn.Parameter(ones(width));
        this.bias = bias && !rms ? nn.Parameter(zeros(width)) : null;
        RegisterComponents();
    }

    /// <summary>The norm, for a kernel that computes a whole sublayer.</summary>
    internal SublayerNorm AsSublayer(bool post, KernelDropout dropout) => new(weight, bias, epsilon, rms, post, dropout);

    /// <summary>Normalises.</summary>
    /// <param name="x">[…, D].</param>
    /// <returns>[…, D].</returns>
    public override Tensor forward(Tensor x)
    {
        if (KernelFunction.Takes(x, weight)) return NormFunction.Of(x, weight, bias, epsilon, rms, ScalarType.Float32);
        var wide = x.to(ScalarType.Float32);
        if (!rms) return nn.functional.layer_norm(wide, [weight.size(0)], weight, bias, epsilon);
        return wide * (wide * wide).mean([-1L], keepdim: true).Plus(epsilon).rsqrt() * weight;
    }
}

/// <summary>The residual connection around a sublayer, with its norm before or after.</summary>
/// <remarks>
/// After: norm(x + f(x)), Vaswani et al. 2017, section 3.1. Before: x + f(norm(x)), Radford et al. 2019, section 2.3; Xiong
/// et al. 2020 explain why it trains without warmup. Further parts may act on f's output: a scale, then stochastic depth.
/// </remarks>
public sealed class Residual
{
    readonly Norm norm;
    readonly NormPlacement placement;
    readonly Dropout dropout;
    readonly LayerScale? scale;
    readonly DropPath? path;

    /// <summary>Creates a connection.</summary>
    /// <param name="config">The norm and its placement.</param>
    /// <param name="width">The width D.</param>
    /// <param name="bias">Whether the norm has a bias.</param>
    /// <param name="dropout">The dropout rate of the sublayer's output.</param>
    /// <param name="scale">Scales the sublayer's output.</param>
    /// <param name="path">Lets examples skip the sublayer.</param>
    public Residual(NormConfig config, int width, bool bias = true, double dropout = 0, LayerScale? scale = null, DropPath? path = null)
    {
        this.scale = scale;
        this.path = path;
        norm = new Norm(config, width, bias);
        placement = config.Placement;
        this.dropout = new Dropout(dropout);
    }

    /// <summary>Registers the parts in the block that the connection belongs to.</summary>
    /// <param name="number">The number of the sublayer in the block, from 1, with which the parts' names end.</param>
    internal void RegisterIn(nn.Module block, int number)
    {
        block.register_module($"norm{number}", norm);
        block.register_module($"drop{number}", dropout);
        if (scale is not null) block.register_module($"scale{number}", scale);
        if (path is not null) block.register_module($"path{number}", path);
    }

    /// <summary>The parts that draw random numbers.</summary>
    internal IEnumerable<IDrawsNumbers> Draws => path is null ? [dropout] : [dropout, path];

    /// <summary>Applies a sublayer.</summary>
    /// <param name="x">[B, …, D].</param>
    /// <param name="sublayer">[B, …, D] to [B, …, D].</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, …, D].</returns>
    public Tensor forward(Tensor x, Func<Tensor, Tensor> sublayer, RandomPosition random = default)
    {
        if (placement == NormPlacement.Pre) return x.Plus(Drop(sublayer(norm.call(x)), random));
        return norm.call(x.Plus(Drop(sublayer(x), random)));
    }

    /// <summary>The norm, for a kernel that computes a whole sublayer; null if further parts act on the sublayer's output.</summary>
    internal SublayerNorm? AsSublayer(RandomPosition random) =>
        scale is not null || path is { Acts: true } ? null : norm.AsSublayer(placement == NormPlacement.Post, dropout.AsKernel(random));

    Tensor Drop(Tensor x, RandomPosition random)
    {
        x = dropout.forward(x, random);
        if (scale is not null) x = scale.call(x);
        return path is null ? x : path.forward(x, random);
    }
}
