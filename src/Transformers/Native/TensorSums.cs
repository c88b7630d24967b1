using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Sums of tensors for code that runs in every step.</summary>
/// <remarks>
/// TorchSharp computes a + b with a <see cref="Scalar"/> of 1 that nothing refers to while libtorch reads it. If the garbage collector
/// runs just then, as it does while other threads make batches on a busy machine, the Scalar's finalizer frees it, and libtorch reads freed memory. The same is
/// true of every C# number in an expression of tensors. A tensor is safe: its dispose scope refers to it.
/// </remarks>
static class TensorSums
{
    static readonly Scalar One = 1;

    /// <summary>a + b.</summary>
    internal static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);
}
