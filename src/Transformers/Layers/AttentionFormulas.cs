using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>softmax(QKᵀ/√E + mask)·V in libtorch's operators: without the matrix of weights in memory unless somebody wants to see it.</summary>
/// <remarks>Vaswani et al. 2017, equation 1.</remarks>
public static class AttentionFormulas
{
    /// <summary>Attends by the operator that fits.</summary>
    /// <param name="q">[B, H, T, E].</param>
    /// <param name="k">[B, K, S, E].</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <param name="input">Causality, masks, recorder and the position in the run.</param>
    /// <param name="dropout">Drops weights while training.</param>
    /// <returns>[B, H, T, E].</returns>
    internal static Tensor Attend(Tensor q, Tensor k, Tensor v, AttentionInput input, Dropout dropout)
    {
        if (input.Recorder is null && AttentionFunction.Takes(q, k, v))
            return AttentionFunction.Of(q, k, v, new AttentionView(input.Causal, input.Mask, input.Padding?.Lengths, Dropout: dropout.AsKernel(input.Random)));
        var mask = input.Padding is { } padding ? input.Mask is { } bias ? bias + padding.Additive : padding.Additive : input.Mask;
        if (input.Recorder is { } recorder) return WithWeights(q, k, v, input.Causal, mask, recorder);
        var drops = dropout.ActiveRate > 0;
        // libtorch's kernels have no gradient of a mask, and no dropout by counter: those go through blocks of queries.
        if (mask is { requires_grad: true } || drops && q.device_type == DeviceType.CPU)
            return BlockedAttention.Of(q, k, v, input.Causal, mask, dropout, input.Random);
        if (drops) dropout.SeedDevice(input.Random);
        return Fused(q, k, v, input.Causal, mask, dropout.ActiveRate);
    }

    static Tensor Fused(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, double dropout)
    {
        var (B, H, T, E) = q.Dims4();
        var S = k.size(2);
        if (causal && T > 1 && (mask is not null || T != S))
        {
            var future = Future(T, S, S - T, q.device, q.dtype);
            mask = mask is null ? future : mask + future;
            causal = false;
        }
        if (mask is null) return Operators.ScaledDotProductAttention(q, k, v, null, causal && T > 1, dropout);
        mask = mask.to(q.dtype);
        if (mask.dim() == 4 && mask.size(0) is var b && b > 1 && b < B) mask = mask.repeat(B / b, 1, 1, 1);
        return Operators.ScaledDotProductAttention(q, k, v, mask, false, dropout);
    }

    /// <summary>What hides later positions: 0 where a key is seen and minus infinity where not.</summary>
    /// <param name="T">The number of queries.</param>
    /// <param name="S">The number of keys.</param>
    /// <param name="first">The position of the first query among the keys.</param>
    /// <param name="device">Where the result is wanted.</param>
    /// <param name="type">Its type.</param>
    /// <returns>[T, S].</returns>
    internal static Tensor Future(long T, long S, long first, Device device, ScalarType type) =>
        full([T, S], double.NegativeInfinity, dtype: type, device: device).triu(first + 1);

    /// <summary>The formula with the weights as a tensor, for plots and tests.</summary>
    /// <param name="q">[B, H, T, E].</param>
    /// <param name="k">[B, K, S, E].</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <param name="causal">Whether a query sees no key after its own position.</param>
    /// <param name="mask">Added to the scores; broadcasts to [B, H, T, S], a first size that divides B repeating.</param>
    /// <param name="recorder">Takes the weights.</param>
    /// <returns>[B, H, T, E].</returns>
    public static Tensor WithWeights(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, AttentionRecorder? recorder = null)
    {
        var (B, H, T, E) = q.Dims4();
        var (_, K, S, _) = k.Dims4();
        if (K != H)
        {
            k = k.repeat_interleave(H / K, 1);                                            // [B, H, S, E]
            v = v.repeat_interleave(H / K, 1);
        }
        var scores = (q * (1 / Math.Sqrt(E))).matmul(k.transpose(-2, -1));                // [B, H, T, S]
        if (mask is not null)
            scores = mask.dim() == 4 && mask.size(0) is var b && b > 1 && b < B ? (scores.view(B / b, b, H, T, S) + mask).view(B, H, T, S) : scores + mask;
        if (causal && T > 1) scores = scores + Future(T, S, S - T, q.device, scores.dtype);
        var weights = scores.softmax(-1);
        recorder?.Add(weights);
        return weights.to(v.dtype).matmul(v);                                             // [B, H, T, E]
    }
}
