using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>The function between the two linear layers of a feed-forward network.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="F">The hidden width.</param>
/// <param name="Function">The network.</param>
/// <param name="Dropout">The share that is dropped after it.</param>
sealed record ActivationKernel(long Rows, long F, FeedForwardConfig Function, double Dropout = 0) : Kernel
{
    long Width => Function is SwiGluConfig ? 2 * F : F;

    internal override string Name => $"{Function switch { ReluConfig => "relu", SwiGluConfig => "swiglu", _ => "gelu" }} {Rows} x {F}";
    internal override KernelKind Kind => KernelKind.Memory;
    internal override double Numbers => 3.0 * Rows * Width;
    // What comes out of ReLU is kept by the linear layer that follows and serves both, unless dropout stands between them.
    internal override long Kept(int narrow) => Rows * narrow * (Function is ReluConfig ? Dropout > 0 ? F : 0 : Width);
    internal override long Passing(int narrow) => Rows * F * narrow;

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (rows, real) = Fewer(Rows, share);
        return (this with { Rows = rows }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var x = place.Input(false, Rows, Width);
        return new(() => [Drop(FeedForward.Activate(Function, x))], [x]);
    }

    Tensor Drop(Tensor x) => Dropout > 0 ? nn.functional.dropout(x, Dropout) : x;
}
