using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Operators of libtorch that TorchSharp does not have, with their arguments checked before the call.</summary>
public static class Operators
{
    /// <summary>Attention without the matrix of weights in memory, wherever libtorch has a kernel for it.</summary>
    /// <param name="q">[B, H, T, E].</param>
    /// <param name="k">[B, K, S, E], K dividing H.</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <param name="mask">Added to the scores, of q's type; broadcasts to [B, H, T, S]. Not together with <paramref name="causal"/>.</param>
    /// <param name="causal">Whether a query sees no key after its own position, counted from the first query.</param>
    /// <param name="dropout">The rate at which weights are dropped; libtorch draws from the device's generator.</param>
    /// <returns>[B, H, T, E].</returns>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public static Tensor ScaledDotProductAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double dropout)
    {
        if (q.dim() != 4 || k.dim() != 4 || v.dim() != 4) throw new ArgumentException("queries, keys and values must be [B, heads, positions, E]");
        if (q.dtype != k.dtype || q.dtype != v.dtype) throw new ArgumentException($"queries, keys and values must have one type, not {q.dtype}, {k.dtype} and {v.dtype}");
        if (mask is not null && causal) throw new ArgumentException("a mask and causality cannot be asked for together");
        var (H, K) = (q.size(1), k.size(1));
        if (K == 0 || H % K != 0 || v.size(1) != K || k.size(2) != v.size(2) || q.size(3) != k.size(3) || q.size(0) != k.size(0) || q.size(0) != v.size(0))
            throw new ArgumentException($"queries [{string.Join(", ", q.shape)}] do not fit keys [{string.Join(", ", k.shape)}] and values [{string.Join(", ", v.shape)}]");
        return Dispatcher.Call("aten::scaled_dot_product_attention", "", 1, q, k, v, OperatorArgument.Optional(mask), dropout, causal, OperatorArgument.None, H != K)[0];
    }

    /// <summary>One step of AdamW over lists of tensors in one call.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradients">Of the parameters' shapes.</param>
    /// <param name="first">First moments, changed in place.</param>
    /// <param name="second">Second moments, changed in place.</param>
    /// <param name="steps">The step of each parameter, counted from 1, as scalars in 32 bits.</param>
    /// <param name="lr">The learning rate.</param>
    /// <param name="betas">The decays of the moments.</param>
    /// <param name="decay">The weight decay.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="divisor">What gradients are divided by first, a scalar on their device; null for 1.</param>
    /// <param name="skip">A scalar on their device; where it is not 0, nothing changes. Null for never.</param>
    /// <param name="decoupled">Whether weight decay acts on the parameter (AdamW) and not through the gradient (Adam).</param>
    /// <exception cref="ArgumentException">The lists do not fit each other.</exception>
    public static void FusedAdam(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, Tensor[] steps,
        double lr, (double First, double Second) betas, double decay, double epsilon, Tensor? divisor, Tensor? skip, bool decoupled)
    {
        if (parameters.Length == 0) return;
        Tensor[][] lists = [gradients, first, second];
        foreach (var list in lists)
            if (list.Length != parameters.Length || list.Where((tensor, i) => !tensor.shape.SequenceEqual(parameters[i].shape)).Any())
                throw new ArgumentException("gradients and moments must have the parameters' shapes");
        if (steps.Length != parameters.Length) throw new ArgumentException("every parameter needs its step");
        Dispatcher.Call(decoupled ? "aten::_fused_adamw_" : "aten::_fused_adam_", "", 0, parameters, gradients, first, second, Array.Empty<Tensor>(), steps,
            lr, betas.First, betas.Second, decay, epsilon, false, false, OperatorArgument.Optional(divisor), OperatorArgument.Optional(skip));
    }

    /// <summary>Copies tensors into others of the same shapes in one call, converting their types.</summary>
    /// <exception cref="ArgumentException">The lists do not fit each other.</exception>
    public static void CopyAll(Tensor[] to, Tensor[] from)
    {
        if (to.Length == 0 && from.Length == 0) return;
        if (to.Length != from.Length || to.Where((tensor, i) => !tensor.shape.SequenceEqual(from[i].shape)).Any())
            throw new ArgumentException("both lists must have the same shapes");
        Dispatcher.Call("aten::_foreach_copy_", "", 0, to, from, false);
    }
}
