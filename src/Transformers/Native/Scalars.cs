using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>C# numbers in tensor expressions, for code that runs while other threads work.</summary>
/// <remarks>
/// TorchSharp converts every such number, and the implicit factor 1 of a + b, to a <see cref="Scalar"/> that nothing references while
/// libtorch reads it. If the garbage collector runs at that moment, as it does while other threads create batches, the Scalar's finalizer
/// frees it, and libtorch reads freed memory. Tensors are safe: their dispose scope references them. <c>ScalarTests</c> finds unsafe
/// expressions.
/// </remarks>
static class Scalars
{
    // More than a single operator call takes.
    const int Kept = 64;

    [ThreadStatic]
    static Scalar[]? recent;
    [ThreadStatic]
    static int next;

    /// <summary>1.</summary>
    internal static Scalar One { get; } = 1;

    /// <summary>0.</summary>
    internal static Scalar Zero { get; } = 0;

    /// <summary>A number for an operator, which stays alive until its thread has requested many others.</summary>
    internal static Scalar Of(double number) => Keep(number);

    /// <inheritdoc cref="Of(double)"/>
    internal static Scalar Of(long number) => Keep(number);

    static Scalar Keep(Scalar scalar) => (recent ??= new Scalar[Kept])[next = (next + 1) % Kept] = scalar;

    /// <summary>a + b.</summary>
    internal static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + b.</summary>
    internal static Tensor Plus(this Tensor a, double b) => a.add(Of(b), One);
}
