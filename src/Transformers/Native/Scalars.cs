using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Numbers of C# in expressions of tensors, for code that runs while other threads work.</summary>
/// <remarks>
/// TorchSharp makes a <see cref="Scalar"/> of every such number, and of the 1 in a + b, that nothing refers to while libtorch reads
/// it. If the garbage collector runs just then, as it does while other threads make batches on a busy machine, the Scalar's finalizer frees
/// it, and libtorch reads freed memory. A tensor is safe: its dispose scope refers to it. <c>ScalarTests</c> finds what is not.
/// </remarks>
static class Scalars
{
    // More than one call of an operator takes.
    const int Kept = 64;

    [ThreadStatic]
    static Scalar[]? recent;
    [ThreadStatic]
    static int next;

    /// <summary>1.</summary>
    internal static Scalar One { get; } = 1;

    /// <summary>0.</summary>
    internal static Scalar Zero { get; } = 0;

    /// <summary>A number for an operator: it stays until its thread has asked for many others.</summary>
    internal static Scalar Of(double number) => Keep(number);

    /// <inheritdoc cref="Of(double)"/>
    internal static Scalar Of(long number) => Keep(number);

    static Scalar Keep(Scalar scalar) => (recent ??= new Scalar[Kept])[next = (next + 1) % Kept] = scalar;

    /// <summary>a + b.</summary>
    internal static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + b.</summary>
    internal static Tensor Plus(this Tensor a, double b) => a.add(Of(b), One);
}
