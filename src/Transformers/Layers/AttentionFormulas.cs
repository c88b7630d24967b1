using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>softmax(QKᵀ/√E + mask)·V with libtorch's operators, without the matrix of weights in memory unless it is recorded.</summary>
/// <remarks>Vaswani et al. 2017, equation 1.</remarks>
public static class AttentionFormulas
{
    /// <summary>Attends with the operator that suits the input.</summary>
    /// <param name="q">[B, H, T, E].</param>
    /// <param name="k">[B, K, S, E].</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <returns>[B, H, T, E].</returns>
    internal static Tensor Attend(Tensor q, Tensor k, Tensor v, AttentionInput input, Dropout dropout)
    {
        if (input.Recorder is null && AttentionFunction.Takes(q, k, v))
            return AttentionFunction.Of(q, k, v, new AttentionView(input.Causal, input.Mask, input.Padding?.Lengths, Dropout: dropout.AsKernel(input.Random)));
        var mask = input.Padding is { } padding ? input.Mask is { } bias ? bias.Plus(padding.Additive) : padding.Additive : input.Mask;
        if (input.Recorder is { } recorder) return WithWeights(q, k, v, input.Causal, mask, recorder);
        var drops = dropout.ActiveRate > 0;
        // libtorch's kernels have neither a gradient of the mask nor counter-based dropout: these cases are computed in blocks of queries.
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
            mask = mask is null ? future : mask.Plus(future);
            causal = false;
        }
        if (mask is null) return Operators.ScaledDotProductAttention(q, k, v, null, causal && T > 1, dropout);
        mask = mask.to(q.dtype);
        if (mask.dim() == 4 && mask.size(0) is var b && b > 1 && b < B) mask = mask.repeat(B / b, 1, 1, 1);
        return Operators.ScaledDotProductAttention(q, k, v, mask, false, dropout);
    }

    /// <summary>The causal mask: 0 for visible keys and minus infinity for later ones.</summary>
    /// <returns>[T, S].</returns>
    internal static Tensor Future(long T, long S, long first, Device device, ScalarType type) =>
        full([T, S], Scalars.Of(double.NegativeInfinity), dtype: type, device: device).triu(first + 1);

    /// <summary>The formula with the weights as a tensor, for plots and tests.</summary>
    /// <param name="q">[B, H, T, E].</param>
    /// <param name="k">[B, K, S, E].</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <param name="causal">Whether a query attends only to keys up to its own position.</param>
    /// <param name="mask">Added to the scores; broadcasts to [B, H, T, S]; a first dimension that divides B is repeated.</param>
    /// <param name="recorder">Receives the weights.</param>
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
        var scores = (q * Scalars.Of(1 / Math.Sqrt(E))).matmul(k.transpose(-2, -1));                // [B, H, T, S]
        if (mask is not null)
            scores = mask.dim() == 4 && mask.size(0) is var b && b > 1 && b < B ? scores.view(B / b, b, H, T, S).Plus(mask).view(B, H, T, S) : scores.Plus(mask);
        if (causal && T > 1) scores = scores.Plus(Future(T, S, S - T, q.device, scores.dtype));
        var weights = scores.softmax(-1);
        recorder?.Add(weights);
        return weights.to(v.dtype).matmul(v);                                             // [B, H, T, E]
    }
}

/// <summary>Attention a block of queries at a time, with dropout of weights and a gradient of the mask; the backward pass recomputes each
/// block's weights.</summary>
sealed class BlockedAttention : ManagedFunction
{
    // Elements of a block's scores: small compared to a step's activations, but large enough for efficient products.
    const long BlockElements = 1 << 22;

    readonly Tensor q, k, v;
    readonly Tensor? mask;
    readonly bool causal;
    readonly Dropout dropout;
    readonly RandomPosition random;
    readonly double rate;
    Tensor queries = null!, keys = null!, values = null!, mixed = null!;
    Tensor? bias;

    BlockedAttention(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, Dropout dropout, RandomPosition random)
    {
        (this.q, this.k, this.v, this.mask, this.causal, this.dropout, this.random) = (q, k, v, mask, causal, dropout, random);
        rate = dropout.ActiveRate;
    }

    internal static Tensor Of(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, Dropout dropout, RandomPosition random)
    {
        var (H, K) = (q.size(1), k.size(1));
        if (K != H) (k, v) = (k.repeat_interleave(H / K, 1), v.repeat_interleave(H / K, 1));
        return new BlockedAttention(q, k, v, causal, mask, dropout, random).Apply(q, k, v, mask);
    }

    protected override Tensor Forward(bool keep)
    {
        (queries, keys, values, bias) = (q, k, v, mask);
        var result = empty_like(q);
        foreach (var (first, count) in Blocks())
        {
            using var scope = NewDisposeScope();
            result.narrow(2, first, count).copy_(Dropped(Weights(first, count), first).to(v.dtype).matmul(v));
        }
        if (!keep) return result;
        (queries, keys, values, bias) = (KeepInput(q), KeepInput(k), KeepInput(v), mask is null ? null : KeepInput(mask));
        mixed = KeepInput(result);
        return result;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var (dq, dk, dv) = (empty_like(queries), zeros_like(keys, ScalarType.Float32), zeros_like(values, ScalarType.Float32));
        var dbias = bias is not null && Needs(3) ? zeros(bias!.shape, ScalarType.Float32, bias.device) : null;
        var scale = 1 / Math.Sqrt(queries.size(3));
        foreach (var (first, count) in Blocks())
        {
            using var scope = NewDisposeScope();
            var weights = Weights(first, count);                                          // [B, H, t, S]
            var upstream = gradient.narrow(2, first, count);                              // [B, H, t, E]
            var own = upstream.to(ScalarType.Float32).mul(mixed.narrow(2, first, count)).sum(-1, keepdim: true);
            var kept = Dropped(weights, first);
            dv.add_(kept.to(upstream.dtype).transpose(-2, -1).matmul(upstream), Scalars.One);
            // The weights' gradient passes through the same dropout mask; the backward pass of softmax subtracts gradient · output.
            var dscores = Dropped(upstream.matmul(values.transpose(-2, -1)).to(ScalarType.Float32), first).sub_(own).mul_(weights);
            if (dbias is not null) AddBias(dbias, dscores, first, count);
            var narrow = dscores.to(queries.dtype);
            dq.narrow(2, first, count).copy_(narrow.matmul(keys).mul_(Scalars.Of(scale)));
            dk.add_(narrow.transpose(-2, -1).matmul(queries.narrow(2, first, count)).mul_(Scalars.Of(scale)), Scalars.One);
        }
        return [PassOn(0, () => dq), PassOn(1, () => dk), PassOn(2, () => dv), PassOn(3, () => dbias!)];
    }

    IEnumerable<(long First, long Count)> Blocks()
    {
        var (B, H, T, _) = queries.Dims4();
        var size = Math.Clamp(BlockElements / Math.Max(1, B * H * keys.size(2)), 1, T);
        for (long first = 0; first < T; first += size) yield return (first, Math.Min(size, T - first));
    }

    // softmax of a block's scores, in 32 bits: [B, H, count, S].
    Tensor Weights(long first, long count)
    {
        var (B, H, T, E) = queries.Dims4();
        var S = keys.size(2);
        var scores = queries.narrow(2, first, count).mul(Scalars.Of(1 / Math.Sqrt(E))).matmul(keys.transpose(-2, -1)).to(ScalarType.Float32);
        if (bias is not null)
        {
            var part = bias.dim() >= 2 && bias.size(-2) == T && T > 1 ? bias.narrow(-2, first, count) : bias;
            scores = part.dim() == 4 && part.size(0) is var b && b > 1 && b < B ? scores.view(B / b, b, H, count, S).Plus(part).view(B, H, count, S) : scores.Plus(part);
        }
        if (causal && T > 1) scores = scores.Plus(AttentionFormulas.Future(count, S, S - T + first, scores.device, ScalarType.Float32));
        return scores.softmax(-1);
    }

    // A weight's random number depends on its example, head, query and key, not on the blocks.
    Tensor Dropped(Tensor weights, long first)
    {
        if (rate == 0) return weights;
        if (weights.device_type == DeviceType.CPU) return weights * DropoutMask.CreateForWeights(weights.shape, rate, random.KeyOf(dropout.Site), random.FirstExample, first);
        dropout.SeedDevice(random with { Step = random.Step ^ (first << 32) });
        return nn.functional.dropout(weights, rate, training: true);
    }

    // Sums over the dimensions along which the mask was broadcast.
    static void AddBias(Tensor dbias, Tensor dscores, long first, long count)
    {
        var (B, H, _, S) = dscores.Dims4();
        if (dbias.dim() == 4 && dbias.size(0) is var b && b > 1 && b < B) dscores = dscores.view(B / b, b, H, count, S).sum([0L]);
        while (dscores.dim() > dbias.dim()) dscores = dscores.sum([0L]);
        for (var axis = 0; axis < dbias.dim(); axis++)
            if (dbias.size(axis) == 1 && dscores.size(axis) > 1) dscores = dscores.sum(axis, keepdim: true);
        var rows = dbias.dim() >= 2 && dbias.size(-2) > 1 ? dbias.narrow(-2, first, count) : dbias;
        rows.add_(dscores, Scalars.One);
    }
}
