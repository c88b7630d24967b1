using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>What the time of a kernel goes into.</summary>
enum KernelKind
{
    /// <summary>Products with a matrix of weights.</summary>
    Product,
    /// <summary>Attention's own products and its softmax.</summary>
    Attention,
    /// <summary>Norms, activations, dropout, sums and copies, which only read and write memory.</summary>
    Memory,
    /// <summary>The loss over the vocabulary or the classes.</summary>
    Loss,
    /// <summary>Gradient norm, optimizer and weight average.</summary>
    Update,
}

/// <summary>One computation of a training step at the sizes it has there, forwards and backwards.</summary>
/// <remarks>It calls what the model calls, so that a kernel that gets faster makes the prediction faster.</remarks>
abstract record Kernel
{
    /// <summary>What it is and at which sizes, for people.</summary>
    internal abstract string Name { get; }

    /// <summary>What its time goes into.</summary>
    internal abstract KernelKind Kind { get; }

    /// <summary>Floating-point operations forwards; backwards takes twice as many.</summary>
    internal virtual double Flops => 0;

    /// <summary>Numbers that go through it, where these decide its time.</summary>
    internal abstract double Numbers { get; }

    /// <summary>Bytes that it keeps from the forward to the backward pass.</summary>
    /// <param name="narrow">Bytes of a number in the products' type.</param>
    internal virtual long Kept(int narrow) => 0;

    /// <summary>Bytes of results that live until the block they belong to is done, kept or not.</summary>
    /// <param name="narrow">Bytes of a number in the products' type.</param>
    internal virtual long Passing(int narrow) => 0;

    /// <summary>The same with fewer rows, to be tried in a short time.</summary>
    /// <param name="share">The share of rows, at most 1.</param>
    /// <returns>The kernel, and the share that it really has.</returns>
    internal virtual (Kernel kernel, double share) Shortened(double share) => (this, 1);

    /// <summary>Makes inputs and says how to compute.</summary>
    internal abstract KernelCall Make(KernelPlace place);

    /// <summary>A number of rows shortened to a share.</summary>
    protected static (long rows, double share) Fewer(long rows, double share)
    {
        var fewer = Math.Clamp((long)Math.Ceiling(rows * share), 1, rows);
        return (fewer, (double)fewer / rows);
    }
}

/// <summary>A kernel with its inputs.</summary>
/// <param name="Forward">Computes, and returns what the backward pass starts from; empty for what has none.</param>
/// <param name="Leaves">What gets a gradient.</param>
/// <param name="Owned">Modules to dispose of.</param>
sealed record KernelCall(Func<Tensor[]> Forward, IReadOnlyList<Tensor> Leaves, params IDisposable?[] Owned);

/// <summary>Where kernels run and in which types; makes their inputs.</summary>
/// <remarks>Inputs are ones: drawing numbers would move the stream that dropout draws from.</remarks>
sealed record KernelPlace(Device Device, bool Bf16)
{
    internal ScalarType Narrow => Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>An input that gets a gradient.</summary>
    /// <param name="wide">Whether it is in 32 bits, or in the products' type.</param>
    /// <param name="shape">Its sizes.</param>
    internal Tensor Input(bool wide, params long[] shape) => Constant(wide, shape).requires_grad_();

    /// <summary>An input without a gradient.</summary>
    internal Tensor Constant(bool wide, params long[] shape) => ones(shape, device: Device).to(wide ? ScalarType.Float32 : Narrow);

    /// <summary>Whole numbers below a limit.</summary>
    internal Tensor Indices(long limit, params long[] shape)
    {
        long count = 1;
        foreach (var size in shape) count *= size;
        // A step that shares no factor with most limits visits the whole table, as tokens do.
        return tensor(Enumerable.Range(0, (int)count).Select(i => i * 7919L % limit).ToArray(), shape, device: Device);
    }
}
