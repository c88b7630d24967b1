using TorchSharp;
using static TorchSharp.torch;
#if !TORCHSHARP_PACKAGE
using TorchSharp.Extensions;
#endif

namespace Transformers.Models;

/// <summary>
/// What this project's own binding adds to TorchSharp, each with a plain fallback for the package build. Nothing else in
/// this library may use <c>TorchSharp.Extensions</c>.
/// </summary>
public static class Engine
{
    /// <summary>Loads the engine and prepares its memory; the first tensor does it too, but not before its cost is felt.</summary>
    public static void Load()
    {
#if TORCHSHARP_PACKAGE
        InitializeDeviceType(DeviceType.CPU);
#else
        TorchSharp.Extensions.Engine.Load();
#endif
    }

    /// <summary>Gives memory that is not in use back to the system: the collector's, and where the engine can, its own.</summary>
    public static void GiveBackMemory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
#if !TORCHSHARP_PACKAGE
        TorchSharp.Extensions.Engine.TrimMemory();
#endif
    }

    /// <summary>Free and total bytes of a CUDA device's memory; null where they are not told.</summary>
    public static (long Free, long Total)? DeviceMemory(Device device) =>
#if TORCHSHARP_PACKAGE
        null;
#else
        TorchSharp.Extensions.DeviceMemory.OfCuda(Math.Max(0, device.index));
#endif

    /// <summary>The number of native tensors that are held; 0 where the engine does not count them.</summary>
    public static long LiveHandles =>
#if TORCHSHARP_PACKAGE
        0;
#else
        NativeHandles.Live;
#endif

    /// <summary>Mixed precision until the result is disposed of; null where the engine has none.</summary>
    public static IDisposable? Autocast(DeviceType device, ScalarType type)
    {
#if TORCHSHARP_PACKAGE
        return null;
#else
        return TorchSharp.Extensions.Autocast.Enter(device, type);
#endif
    }

    /// <summary>Whether <see cref="Autocast"/> does anything.</summary>
    public static bool HasAutocast =>
#if TORCHSHARP_PACKAGE
        false;
#else
        true;
#endif

    /// <summary>Attention without the matrix of weights in memory, where there is a kernel for it.</summary>
    /// <remarks>Parameters as in <see cref="Models.Attention.Plain"/>.</remarks>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, double dropout) =>
#if TORCHSHARP_PACKAGE
        Models.Attention.Plain(q, k, v, causal, mask, dropout);
#else
        FusedKernels.Attention(q, k, v, mask, causal, dropout);
#endif

    /// <summary>Attention from one tensor of queries, keys and values.</summary>
    /// <param name="packed">[B, T, (H + 2K)·E].</param>
    /// <param name="heads">H.</param>
    /// <param name="groups">K.</param>
    /// <param name="causal">Whether a query sees no key after its own place.</param>
    /// <param name="mask">Added to the scores; broadcasts to [B, H, T, T].</param>
    /// <param name="dropout">The share of weights dropped.</param>
    /// <returns>[B, T, H·E].</returns>
    public static Tensor PackedAttention(Tensor packed, int heads, int groups, bool causal, Tensor? mask, double dropout)
    {
#if TORCHSHARP_PACKAGE
        var (B, T, P) = packed.Dims3();
        var E = P / (heads + 2 * groups);
        var parts = packed.split([heads * E, groups * E, groups * E], -1);
        Tensor Heads(Tensor x, int count) => x.view(B, T, count, E).transpose(1, 2);
        return Models.Attention.Plain(Heads(parts[0], heads), Heads(parts[1], groups), Heads(parts[2], groups), causal, mask, dropout)
            .transpose(1, 2).reshape(B, T, heads * E);
#else
        return FusedKernels.PackedAttention(packed, heads, groups, mask, causal, dropout);
#endif
    }

    /// <summary>GELU, exact or by the tanh approximation.</summary>
    public static Tensor Gelu(Tensor x, bool tanh) =>
#if TORCHSHARP_PACKAGE
        tanh ? nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh) : nn.functional.gelu(x);
#else
        FusedKernels.BiasActivation(x, null, tanh ? "gelu_tanh" : "gelu");
#endif

    /// <summary>SiLU of the first half of the last dimension, times the second.</summary>
    public static Tensor SwiGlu(Tensor x)
    {
#if TORCHSHARP_PACKAGE
        var halves = x.chunk(2, -1);
        return nn.functional.silu(halves[0]) * halves[1];
#else
        return FusedKernels.GatedActivation(x, "silu");
#endif
    }

    /// <summary>Zeros for a share of the numbers, the others divided by what is left of 1 (Srivastava et al. 2014, section 10).</summary>
    public static Tensor Dropout(Tensor x, double share) =>
#if TORCHSHARP_PACKAGE
        nn.functional.dropout(x, share, training: true);
#else
        FusedKernels.Dropout(x, share);
#endif

    /// <summary>(x - mean(x)) / √(variance(x) + ε) · weight + bias over the last dimension.</summary>
    public static Tensor LayerNorm(Tensor x, Tensor weight, Tensor? bias, double epsilon) =>
#if TORCHSHARP_PACKAGE
        nn.functional.layer_norm(x, [weight.size(0)], weight, bias, epsilon);
#else
        FusedKernels.LayerNorm(x, weight, bias, epsilon, x.dtype);
#endif

    /// <summary>x / √(mean(x²) + ε) · weight over the last dimension.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
#if TORCHSHARP_PACKAGE
        var wide = x.to(ScalarType.Float32);
        var scale = (wide * wide).mean([-1L], keepdim: true).add(epsilon).rsqrt();
        return (wide * scale).to(x.dtype) * weight.to(x.dtype);
#else
        return FusedKernels.RmsNorm(x, weight, epsilon, x.dtype);
#endif
    }

    /// <summary>The feed-forward network with its norm and residual connection as one operator; null where there is none for the input.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="norm">What stands around the network; null where an operator cannot stand for it.</param>
    /// <param name="up">[F, D], or [2F, D] for a gated activation.</param>
    /// <param name="upBias">Its bias.</param>
    /// <param name="down">[D, F].</param>
    /// <param name="downBias">Its bias.</param>
    /// <param name="activation"><c>gelu</c>, <c>gelu_tanh</c>, <c>relu</c> or <c>swiglu</c>.</param>
    /// <param name="dropout">The share of hidden activations dropped.</param>
    internal static Tensor? FeedForwardSublayer(Tensor x, SublayerNorm? norm, Tensor up, Tensor? upBias, Tensor down, Tensor? downBias, string activation, double dropout)
    {
#if TORCHSHARP_PACKAGE
        return null;
#else
        if (norm is not { } around || !Fuses(x, up, down)) return null;
        return FusedKernels.FeedForward(x, around.Weight, around.Bias, around.Epsilon, around.Rms, around.Post, up, upBias, down, downBias, activation, bf16: true, dropout, around.Dropout);
#endif
    }

    /// <summary>Attention with its norm and residual connection as one operator; null where there is none for the input.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="source">[B, S, D]; null for attention within x.</param>
    /// <param name="norm">What stands around attention; null where an operator cannot stand for it.</param>
    /// <param name="weights">The projections.</param>
    /// <param name="input">Masks, positions, cache and recorder.</param>
    /// <param name="heads">H.</param>
    /// <param name="groups">K.</param>
    /// <param name="dropout">The share of weights dropped.</param>
    internal static Tensor? AttentionSublayer(Tensor x, Tensor? source, SublayerNorm? norm, AttentionWeights weights, AttentionInput input, int heads, int groups, double dropout)
    {
#if TORCHSHARP_PACKAGE
        return null;
#else
        if (norm is not { } around || input is not { Cache: null, Recorder: null } || source is null != weights.Key is null) return null;
        if (x.dim() != 3 || !Fuses(x, weights.Query, weights.Output) || source is { dtype: not ScalarType.Float32 }) return null;
        Tensor? cosine = null, sine = null;
        if (input.Positions is { Rotates: true } positions)
        {
            if (positions is not RotaryPositionEmbedding rotary) return null;
            (cosine, sine) = rotary.Tables(0, x.size(1), x);
        }
        var lengths = PaddingMask.LengthsOf(input.Mask);
        return FusedKernels.AttentionSublayer(x, source, around.Weight, around.Bias, around.Epsilon, around.Rms, around.Post, weights.Query, weights.QueryBias, weights.Key, weights.KeyBias,
            weights.Output, weights.OutputBias, lengths is null ? input.Mask : null, lengths, cosine, sine, heads, groups, input.Causal, bf16: true, dropout, around.Dropout);
#endif
    }

#if !TORCHSHARP_PACKAGE
    // Mixed precision on a processor whose kernels multiply bfloat16, and widths that go in pairs.
    static bool Fuses(Tensor x, Tensor first, Tensor last) =>
        x is { device_type: DeviceType.CPU, dtype: ScalarType.Float32 } && x.numel() > 0 && TorchSharp.Extensions.Autocast.IsEnabled(DeviceType.CPU) &&
        first.size(0) % 2 == 0 && first.size(1) % 2 == 0 && last.size(0) % 2 == 0 && last.size(1) % 2 == 0 &&
        first.dtype is ScalarType.Float32 or ScalarType.BFloat16 && last.dtype is ScalarType.Float32 or ScalarType.BFloat16 && FusedKernels.HasBFloat16Products;
#endif

    /// <summary>The sum of the cross entropies of logits, and the number of targets that count.</summary>
    /// <param name="hidden">[N, D].</param>
    /// <param name="weight">[V, D].</param>
    /// <param name="targets">[N], whole numbers below V, or -100 for a place that does not count.</param>
    /// <param name="smoothing">The share of the probability spread over all tokens.</param>
    /// <returns>The sum in nats, to be minimised and to be told.</returns>
    public static LossSum LinearCrossEntropySum(Tensor hidden, Tensor weight, Tensor targets, double smoothing = 0)
    {
#if TORCHSHARP_PACKAGE
        return LossSum.Of(nn.functional.linear(hidden, weight).to(ScalarType.Float32), targets, smoothing);
#else
        var (objective, plain) = FusedKernels.LinearCrossEntropySum(hidden, weight, targets, smoothing, TorchSharp.Extensions.Autocast.IsEnabled(hidden.device_type));
        return new(objective, plain);
#endif
    }

    /// <summary>The Euclidean norm of all tensors together; not a number, or infinite, where an element is.</summary>
    public static double GradientNorm(Tensor[] gradients)
    {
#if TORCHSHARP_PACKAGE
        var squares = stack(gradients.Select(gradient => gradient.to(ScalarType.Float32).norm().square()));
        return Math.Sqrt(squares.sum().to(ScalarType.Float64).item<double>());
#else
        return FusedKernels.GradientNorm(gradients).to(ScalarType.Float64).item<double>();
#endif
    }

    /// <summary>One step of Adam over all parameters.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradients">Of the parameters' shapes.</param>
    /// <param name="first">First moments, changed in place.</param>
    /// <param name="second">Second moments, changed in place.</param>
    /// <param name="decays">The weight decay of each parameter.</param>
    /// <param name="rates">The learning rate of each parameter.</param>
    /// <param name="beta1">The decay of the first moment.</param>
    /// <param name="beta2">The decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="step">The step, from 1.</param>
    /// <param name="scale">What gradients are multiplied by first.</param>
    /// <param name="decoupled">Whether weight decay acts on the parameter and not through the gradient.</param>
    public static void AdamStep(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, double[] decays,
        double[] rates, double beta1, double beta2, double epsilon, long step, double scale, bool decoupled)
    {
#if !TORCHSHARP_PACKAGE
        if (decoupled)
        {
            FusedKernels.AdamWStep(parameters, gradients, first, second, rates, decays, beta1, beta2, epsilon, step, scale);
            return;
        }
#endif
        var correction = 1 - Math.Pow(beta1, step);
        var root = Math.Sqrt(1 - Math.Pow(beta2, step));
        for (var i = 0; i < parameters.Length; i++)
        {
            using var scope = NewDisposeScope();
            var gradient = scale == 1 ? gradients[i] : gradients[i] * scale;
            if (decays[i] > 0)
            {
                if (decoupled) parameters[i].mul_(1 - rates[i] * decays[i]);
                else gradient = gradient + parameters[i] * decays[i];
            }
            first[i].mul_(beta1).add_(gradient, 1 - beta1);
            second[i].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
            parameters[i].addcdiv_(first[i], (second[i].sqrt() / root).add_(epsilon), -rates[i] / correction);
        }
    }
}
