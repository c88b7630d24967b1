using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>An operation that a kernel computes, forward and backward.</summary>
abstract unsafe class KernelFunction : ManagedFunction
{
    /// <summary>Whether the kernels are available and support these tensors; null for absent ones.</summary>
    internal static bool Takes(params ReadOnlySpan<Tensor?> tensors) => KernelTensors.Fit(tensors);

    /// <summary>Whether the kernels can multiply in a type.</summary>
    internal static bool Multiplies(ScalarType compute) => compute == ScalarType.Float32 || compute == ScalarType.BFloat16 && KernelLibrary.MultipliesBFloat16;

    protected static KernelType TypeOf(ScalarType type) => KernelTensors.TypeOf(type);

    protected static void* At(Tensor? tensor) => KernelTensors.At(tensor);

    protected static float* Floats(Tensor? tensor) => KernelTensors.Floats(tensor);

    /// <summary>Allocates memory for at least this many numbers, which is kept until the backward pass.</summary>
    /// <remarks>
    /// Sizes are rounded up to eighths of a power of two. Sentences of varying length need blocks of nearly the same size one after
    /// another, and without size classes a block is often slightly too large for the gap that the previous one left.
    /// </remarks>
    protected Tensor Allocate(long numbers, ScalarType type)
    {
        const long smallest = 16 << 10;
        if (numbers < smallest) return Keep(empty(numbers, type));
        var step = smallest >> 3;
        while (step << 4 <= numbers) step <<= 1;
        return Keep(empty((numbers + step - 1) / step * step, type));
    }

    /// <summary>A matrix without gaps; empty for null.</summary>
    protected static KernelMatrix Matrix(Tensor? weight) =>
        weight is null ? default : new() { Data = At(weight), Row = weight.size(1), Type = TypeOf(weight.dtype) };

    /// <summary>The sizes of an attention bias, which broadcasts to [B, H, T, S]; a first dimension that divides B is repeated.</summary>
    protected static KernelBias BiasSizes(Tensor? bias)
    {
        if (bias is null) return default;
        var shape = bias.shape;
        if (shape.Length > 4) throw new ArgumentException($"an attention bias must broadcast to [B, H, T, S]; [{string.Join(", ", shape)}] does not");
        long FromEnd(int axis) => axis <= shape.Length ? shape[^axis] : 1;
        return new() { Batches = FromEnd(4), Heads = FromEnd(3), Queries = FromEnd(2), Keys = FromEnd(1) };
    }

    /// <summary>The tensor in 32 bits without gaps.</summary>
    protected static Tensor Dense(Tensor tensor) => tensor.to(ScalarType.Float32).contiguous();

    /// <summary>As <see cref="ManagedFunction.Hold"/>; null for an absent tensor.</summary>
    protected Tensor? HoldIfPresent(Tensor? given) => given is null ? null : Hold(given);

    /// <summary>Holds the tensor that a kernel reads for an input, if a backward pass may follow.</summary>
    /// <param name="given">The caller's tensor; null for none.</param>
    /// <param name="read">The same, or a copy without gaps.</param>
    /// <param name="keep">Whether a backward pass may follow.</param>
    protected Tensor? HoldRead(Tensor? given, Tensor? read, bool keep) =>
        read is null || !keep ? read : ReferenceEquals(read, given) ? KeepInput(read) : Keep(read);

    /// <summary>Where a kernel writes the gradient of an input: for a parameter, to its own gradient; for a computed tensor, to a new one
    /// that is returned.</summary>
    /// <param name="results">The gradients that are returned.</param>
    /// <param name="index">The index of the input.</param>
    protected KernelGradient GradientOf(Tensor?[] results, int index)
    {
        if (!Needs(index)) return default;
        if (ParameterAt(index) is { } parameter && parameter.is_contiguous() && Gradients.Buffer(parameter, out var add) is var buffer && buffer.is_contiguous())
            return new() { Data = Floats(buffer), Add = add ? 1 : 0 };
        results[index] = empty(ShapeOf(index), ScalarType.Float32);
        return new() { Data = Floats(results[index]) };
    }
}

/// <summary>The norm and the residual connection around a sublayer.</summary>
/// <param name="Weight">The norm's weight, [D].</param>
/// <param name="Bias">The norm's bias, [D]; null for none.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Rms">Whether the norm divides by the root mean square and does not centre.</param>
/// <param name="Post">Whether the norm comes after the sum.</param>
/// <param name="Dropout">Dropout of the sublayer's output.</param>
readonly record struct SublayerNorm(Tensor Weight, Tensor? Bias, double Epsilon, bool Rms, bool Post, KernelDropout Dropout = default);

/// <summary>Types and addresses of tensors for the kernels.</summary>
static unsafe class KernelTensors
{
    /// <summary>Whether the kernels are available, and all tensors are in CPU memory, of a supported type, and not empty; null for absent
    /// ones.</summary>
    internal static bool Fit(params ReadOnlySpan<Tensor?> tensors)
    {
        if (!KernelLibrary.IsAvailable) return false;
        foreach (var tensor in tensors)
            if (tensor is not null && (tensor.device_type != DeviceType.CPU || tensor.dtype is not (ScalarType.Float32 or ScalarType.BFloat16) || tensor.numel() == 0)) return false;
        return true;
    }

    internal static KernelType TypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => KernelType.Float32,
        ScalarType.BFloat16 => KernelType.BFloat16,
        _ => throw new ArgumentException($"kernels support 32-bit and bfloat16 numbers, not {type}"),
    };

    /// <summary>The address of a tensor without gaps; null for none. The tensor must be kept alive.</summary>
    internal static void* At(Tensor? tensor)
    {
        if (tensor is null) return null;
        if (!tensor.is_contiguous()) throw new ArgumentException($"a kernel was given a tensor [{string.Join(", ", tensor.shape)}] with gaps");
        return (void*)Dispatcher.DataPointer(tensor);
    }

    /// <summary>The address of 32-bit numbers; null for none.</summary>
    internal static float* Floats(Tensor? tensor) =>
        tensor is null || tensor.dtype == ScalarType.Float32 ? (float*)At(tensor) : throw new ArgumentException($"a kernel was given {tensor.dtype}, but needs 32-bit numbers");

    /// <summary>The numbers of a contiguous 32-bit tensor in CPU memory, valid for as long as it lives.</summary>
    internal static Span<float> Numbers(Tensor tensor) => new(Floats(tensor), checked((int)tensor.numel()));
}

/// <summary>The kernels of optimizers, on tensors.</summary>
static unsafe class OptimizerKernels
{
    /// <summary>The Euclidean norm of all tensors together; NaN or infinite if an element is. The order of its sums does not depend on the
    /// number of threads.</summary>
    internal static double Norm(Tensor[] tensors)
    {
        var dense = Dense(tensors);
        var norm = AdamWKernel.Norm([.. dense.Select(tensor => new KernelArray { Data = KernelTensors.At(tensor), Size = tensor.numel(), Type = KernelTensors.TypeOf(tensor.dtype) })]);
        GC.KeepAlive(dense);
        return norm;
    }

    /// <summary>One step of AdamW over all parameters, which change in place with their moments; steps count from 1, and the scale multiplies every gradient first.</summary>
    internal static void AdamW(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, double[] rates, double[] decays,
        (double First, double Second) betas, double epsilon, long step, double scale)
    {
        var dense = Dense(gradients);
        var tensors = new AdamWTensor[parameters.Length];
        for (var i = 0; i < tensors.Length; i++)
            tensors[i] = new()
            {
                Parameter = KernelTensors.At(parameters[i]), ParameterType = KernelTensors.TypeOf(parameters[i].dtype),
                Gradient = KernelTensors.At(dense[i]), GradientType = KernelTensors.TypeOf(dense[i].dtype),
                FirstMoment = KernelTensors.Floats(first[i]), SecondMoment = KernelTensors.Floats(second[i]),
                Size = parameters[i].numel(), Rate = rates[i], Decay = decays[i],
            };
        AdamWKernel.Step(tensors, betas.First, betas.Second, epsilon, step, scale);
        GC.KeepAlive((parameters, dense, first, second));
    }

    // libtorch's own backward functions may return a gradient with permuted strides.
    static Tensor[] Dense(Tensor[] gradients) => [.. gradients.Select(gradient => gradient.contiguous())];
}

/// <summary>Memory for packed weights and for keys and values, from the pool of tensors: in large pages, and reused once freed.</summary>
/// <remarks>Generation reads all weights, keys and values at every token: with small pages it would wait for address translation.</remarks>
sealed unsafe class LargePageMemory : IDisposable
{
    readonly Tensor block;

    /// <summary>Allocates memory that is not cleared.</summary>
    /// <param name="bytes">Its size.</param>
    internal LargePageMemory(long bytes)
    {
        Bytes = Math.Max(1, bytes);
        block = empty(Bytes, ScalarType.Byte).DetachFromDisposeScope();
        Address = (void*)Dispatcher.DataPointer(block);
    }

    /// <summary>Its size.</summary>
    internal long Bytes { get; }

    /// <summary>Its address; the object must be kept alive while the address is in use.</summary>
    internal void* Address { get; }

    /// <inheritdoc/>
    public void Dispose() => block.Dispose();
}
