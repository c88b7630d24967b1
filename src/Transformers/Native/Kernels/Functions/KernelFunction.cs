using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>An operation that a kernel computes forwards and backwards.</summary>
abstract unsafe class KernelFunction : ManagedFunction
{
    /// <summary>Whether the kernels can be used on these tensors, absent ones being null: they run, and all tensors are in the processor's memory.</summary>
    internal static bool Takes(params ReadOnlySpan<Tensor?> tensors) => KernelTensors.Fit(tensors);

    /// <summary>Whether the kernels can multiply in a type.</summary>
    internal static bool Multiplies(ScalarType compute) => compute == ScalarType.Float32 || compute == ScalarType.BFloat16 && KernelLibrary.MultipliesBFloat16;

    /// <summary>A type as the kernels name it.</summary>
    protected static KernelType TypeOf(ScalarType type) => KernelTensors.TypeOf(type);

    /// <summary>The address of a tensor without gaps; null for none. The tensor must be kept alive.</summary>
    protected static void* At(Tensor? tensor) => KernelTensors.At(tensor);

    /// <summary>The address of 32-bit numbers; null for none.</summary>
    protected static float* Floats(Tensor? tensor) => KernelTensors.Floats(tensor);

    /// <summary>Memory for what a kernel keeps until the backward pass, at least so many numbers.</summary>
    /// <remarks>
    /// Sizes are rounded up to eighths of a power of two. Where sentences vary in length, blocks of nearly the same size follow
    /// each other; without classes of sizes a block is often a little too large for the hole that the last one left.
    /// </remarks>
    protected Tensor Room(long numbers, ScalarType type)
    {
        const long smallest = 16 << 10;
        if (numbers < smallest) return Keep(empty(numbers, type));
        var step = smallest >> 3;
        while (step << 4 <= numbers) step <<= 1;
        return Keep(empty((numbers + step - 1) / step * step, type));
    }

    /// <summary>A matrix without gaps; none where it is null.</summary>
    protected static KernelMatrix Matrix(Tensor? weight) =>
        weight is null ? default : new() { Data = At(weight), Row = weight.size(1), Type = TypeOf(weight.dtype) };

    /// <summary>The sizes of what is added to attention's scores; it broadcasts to [B, H, T, S], a first size that divides B repeating.</summary>
    protected static KernelBias Sizes(Tensor? bias)
    {
        if (bias is null) return default;
        var shape = bias.shape;
        if (shape.Length > 4) throw new ArgumentException($"a bias of attention broadcasts to [B, H, T, S]; [{string.Join(", ", shape)}] does not");
        long FromEnd(int axis) => axis <= shape.Length ? shape[^axis] : 1;
        return new() { Batches = FromEnd(4), Heads = FromEnd(3), Queries = FromEnd(2), Keys = FromEnd(1) };
    }

    /// <summary>A tensor in 32 bits without gaps: itself where it is.</summary>
    protected static Tensor Dense(Tensor tensor) => tensor.to(ScalarType.Float32).contiguous();

    /// <summary>Holds a weight or a bias until the backward pass is over; null for an absent one.</summary>
    protected Tensor? HoldIfPresent(Tensor? given) => given is null ? null : Hold(given);

    /// <summary>Holds what a kernel reads of an input, where a backward pass may follow.</summary>
    /// <param name="given">The caller's tensor; null for none.</param>
    /// <param name="read">The same, or a copy without gaps.</param>
    /// <param name="keep">Whether a backward pass may follow.</param>
    protected Tensor? HoldRead(Tensor? given, Tensor? read, bool keep) =>
        read is null || !keep ? read : ReferenceEquals(read, given) ? KeepInput(read) : Keep(read);

    /// <summary>Where a kernel writes the gradient of an input: into a parameter's own gradient, or, for a tensor that was computed, into a new one that is returned.</summary>
    /// <param name="results">The gradients that are returned.</param>
    /// <param name="index">The input's.</param>
    protected KernelGradient Into(Tensor?[] results, int index)
    {
        if (!Needs(index)) return default;
        if (ParameterAt(index) is { } parameter && parameter.is_contiguous() && Gradients.Buffer(parameter, out var add) is var buffer && buffer.is_contiguous())
            return new() { Data = Floats(buffer), Add = add ? 1 : 0 };
        results[index] = empty(ShapeOf(index), ScalarType.Float32);
        return new() { Data = Floats(results[index]) };
    }
}

/// <summary>The norm and the residual connection around a sublayer.</summary>
/// <param name="Weight">The norm's, [D].</param>
/// <param name="Bias">The norm's, [D]; null for none.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Rms">Whether the norm divides by the root mean square and does not centre.</param>
/// <param name="Post">Whether the norm comes after the sum.</param>
/// <param name="Dropout">Of what the sublayer adds.</param>
readonly record struct SublayerNorm(Tensor Weight, Tensor? Bias, double Epsilon, bool Rms, bool Post, KernelDropout Dropout = default);
