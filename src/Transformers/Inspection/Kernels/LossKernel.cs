using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>The output layer over the vocabulary with its cross entropy.</summary>
/// <param name="Rows">Places of the batch.</param>
/// <param name="Targets">Those that count.</param>
/// <param name="D">The width.</param>
/// <param name="V">The vocabulary.</param>
/// <param name="Smoothing">Label smoothing.</param>
sealed record LossKernel(long Rows, long Targets, long D, long V, double Smoothing) : Kernel
{
    const long ChunkOfLogits = 4 << 20;

    internal override string Name => $"cross entropy {Targets} x {D} x {V}";
    internal override KernelKind Kind => KernelKind.Loss;
    internal override double Flops => 2.0 * Targets * D * V;
    internal override double Numbers => (double)Targets * V;
    internal override long Kept(int narrow) => sizeof(float) * (Targets * D + V * D) + (Targets < Rows ? Targets * D * sizeof(float) : 0);
    internal override long Passing(int narrow)
    {
        // A chunk of narrow logits is half as large, and packed once more for the weight's gradient; the weight is packed for each way.
        var weights = narrow < sizeof(float) ? 2 : 1;
        return Math.Min(Targets * V, ChunkOfLogits) * narrow + (Targets + weights * V) * D * narrow;
    }

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (targets, real) = Fewer(Targets, Math.Max(share, 512.0 / Targets));
        return (this with { Targets = targets, Rows = Math.Max(targets, (long)(Rows * real)) }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var hidden = place.Input(true, Rows, D);
        var weight = place.Input(true, V, D);
        var targets = place.Indices(V, Targets);
        var chosen = Targets < Rows ? arange(0, Targets, 1, dtype: ScalarType.Int64, device: place.Device) : null;
        return new(() => [LinearCrossEntropy.Sum(chosen is null ? hidden : hidden.index_select(0, chosen), weight, targets, place.Narrow, Smoothing).Objective / Targets], [hidden, weight]);
    }
}

/// <summary>The head over a few classes: pooling, a linear layer, and the cross entropy.</summary>
/// <param name="B">Sequences or images.</param>
/// <param name="T">Places of each.</param>
/// <param name="D">The width.</param>
/// <param name="N">Classes.</param>
/// <param name="Wide">Whether vectors come in 32 bits.</param>
/// <param name="First">Whether the first place stands for all; else it is their mean.</param>
/// <param name="Pooler">Whether a linear layer and tanh come before.</param>
sealed record ClassifyKernel(long B, long T, long D, long N, bool Wide, bool First, bool Pooler) : Kernel
{
    internal override string Name => $"head {B} x {D} x {N}";
    internal override KernelKind Kind => KernelKind.Loss;
    internal override double Flops => 2.0 * B * D * (N + (Pooler ? D : 0));
    internal override double Numbers => (double)B * T * D;
    internal override long Kept(int narrow) => B * D * narrow * 3;

    internal override KernelCall Make(KernelPlace place)
    {
        var x = place.Input(Wide, B, T, D);
        var weight = place.Input(true, N, D);
        var bias = place.Input(true, N);
        var (dense, shift) = Pooler ? (place.Input(true, D, D), place.Input(true, D)) : (null, null);
        var targets = place.Constant(true, B, N);
        return new(() =>
        {
            var pooled = First ? x.select(1, 0) : x.mean([1L]);
            if (dense is not null) pooled = nn.functional.linear(pooled, dense, shift).tanh();
            var logits = nn.functional.linear(pooled, weight, bias).to(ScalarType.Float32);
            return [-(targets * logits.log_softmax(-1)).sum()];
        }, [.. new[] { x, weight, bias, dense, shift }.OfType<Tensor>()]);
    }
}
