using Transformers.Configs;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>The feed-forward network of a block.</summary>
public abstract record FeedForwardConfig
{
    /// <summary>The width F of the hidden layer; by default 4 times the model's width, and 8/3 times, rounded up to a multiple of 8, for <c>swiglu</c>.</summary>
    [Between(1, 10_000_000)]
    public int? Width { get; init; }
}

/// <summary>max(0, xW₁)W₂.</summary>
/// <remarks>Vaswani et al. 2017, section 3.3.</remarks>
[Kind("relu")]
public sealed record ReluConfig : FeedForwardConfig;

/// <summary>GELU(xW₁)W₂.</summary>
/// <remarks>Hendrycks and Gimpel 2016.</remarks>
[Kind("gelu")]
public sealed record GeluConfig : FeedForwardConfig
{
    /// <summary>Whether to use the tanh approximation, as GPT-2 does.</summary>
    public bool Tanh { get; init; }
}

/// <summary>SiLU(xW₁)W₂; SiLU, also called swish, is x times its logistic function.</summary>
/// <remarks>Elfwing et al. 2018; Marian's published translation models use it.</remarks>
[Kind("silu")]
public sealed record SiluConfig : FeedForwardConfig;

/// <summary>(SiLU(xW₁) ∘ xW₃)W₂.</summary>
/// <remarks>Shazeer 2020.</remarks>
[Kind("swiglu")]
public sealed record SwiGluConfig : FeedForwardConfig;

/// <summary>The network that a block applies to each token separately.</summary>
/// <remarks>
/// Vaswani et al. 2017, section 3.3: f(xW₁)W₂, with f = max(0, ·) in the paper. Gated: (SiLU(xW₁) ∘ xW₃)W₂, Shazeer 2020,
/// where W₁ and W₃ are the halves of one matrix.
/// </remarks>
public sealed class FeedForward : nn.Module
{
    readonly Linear up, down;
    readonly FeedForwardConfig config;
    readonly Dropout dropout;

    /// <summary>Creates the network of a config.</summary>
    /// <param name="config">The kind and the hidden width.</param>
    /// <param name="width">The width D of inputs and outputs.</param>
    /// <param name="bias">Whether the layers add a bias.</param>
    /// <param name="dropout">The dropout rate of hidden activations.</param>
    public FeedForward(FeedForwardConfig config, int width, bool bias = true, double dropout = 0) : base(nameof(FeedForward))
    {
        this.config = config;
        var hidden = HiddenWidth(config, width);
        up = new Linear(width, config is SwiGluConfig ? 2 * hidden : hidden, bias);
        down = new Linear(hidden, width, bias) { WritesToResidual = true };
        this.dropout = new Dropout(dropout);
        RegisterComponents();
    }

    /// <summary>The hidden activations' dropout.</summary>
    internal Dropout Dropout => dropout;

    /// <summary>The hidden width F: the config's, or the usual multiple of the width.</summary>
    public static int HiddenWidth(FeedForwardConfig config, int width) =>
        config.Width ?? (config is SwiGluConfig ? (8 * width / 3 + 7) / 8 * 8 : 4 * width);

    /// <summary>Applies the network with a norm and a residual connection around it.</summary>
    /// <param name="residual">The connection.</param>
    /// <param name="x">[B, …, D].</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, …, D].</returns>
    public Tensor ForwardResidual(Residual residual, Tensor x, RandomPosition random)
    {
        if (residual.AsSublayer(random) is { } norm && FeedForwardFunction.Takes(x, up.weight, down.weight, up.Compute))
            return FeedForwardFunction.Of(x, norm, up.weight, up.bias, down.weight, down.bias, KernelActivation, config is SwiGluConfig, dropout.AsKernel(random), up.Compute);
        return residual.forward(x, h => forward(h, random), random);
    }

    KernelActivation KernelActivation => config switch
    {
        ReluConfig => KernelActivation.Relu,
        GeluConfig { Tanh: true } => KernelActivation.GeluTanh,
        GeluConfig => KernelActivation.Gelu,
        SiluConfig or SwiGluConfig => KernelActivation.Silu,
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a feed-forward kind without a formula"),
    };

    /// <summary>Applies the network.</summary>
    /// <param name="x">[B, …, D].</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, …, D].</returns>
    public Tensor forward(Tensor x, RandomPosition random = default)
    {
        var hidden = Activate(config, up.call(x));                                        // [B, …, F]
        return down.call(dropout.forward(hidden, random));                                // [B, …, D]
    }

    /// <summary>The function between the two layers.</summary>
    /// <param name="hidden">[B, …, F], or [B, …, 2F] if one half gates the other.</param>
    /// <returns>[B, …, F].</returns>
    internal static Tensor Activate(FeedForwardConfig config, Tensor hidden) => config switch
    {
        ReluConfig => nn.functional.relu(hidden),
        GeluConfig gelu => Activations.Gelu(hidden, gelu.Tanh),
        SiluConfig => Activations.Silu(hidden),
        SwiGluConfig => Activations.SwiGlu(hidden),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a feed-forward kind without a formula"),
    };
}

/// <summary>Activation functions.</summary>
public static class Activations
{
    /// <summary>GELU, exact or by the tanh approximation.</summary>
    /// <remarks>Hendrycks and Gimpel 2016.</remarks>
    public static Tensor Gelu(Tensor x, bool tanh) =>
        KernelFunction.Takes(x) ? ActivationFunction.Of(x, tanh ? KernelActivation.GeluTanh : KernelActivation.Gelu)
        : tanh ? nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh) : nn.functional.gelu(x);

    /// <summary>SiLU.</summary>
    /// <remarks>Elfwing et al. 2018.</remarks>
    public static Tensor Silu(Tensor x) => KernelFunction.Takes(x) ? ActivationFunction.Of(x, KernelActivation.Silu) : nn.functional.silu(x);

    /// <summary>SiLU of the first half of the last dimension, times the second half.</summary>
    /// <remarks>Shazeer 2020, equation 6.</remarks>
    public static Tensor SwiGlu(Tensor x)
    {
        if (KernelFunction.Takes(x)) return ActivationFunction.Gated(x, KernelActivation.Silu);
        var halves = x.chunk(2, -1);
        return nn.functional.silu(halves[0]) * halves[1];
    }
}
