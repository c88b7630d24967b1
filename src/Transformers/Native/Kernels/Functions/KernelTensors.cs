using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Tensors as the kernels see them.</summary>
static unsafe class KernelTensors
{
    /// <summary>Whether the kernels can be used on these tensors, absent ones being null: they run, and all tensors are in the processor's memory and not empty.</summary>
    internal static bool Fit(params ReadOnlySpan<Tensor?> tensors)
    {
        if (!KernelLibrary.IsAvailable) return false;
        foreach (var tensor in tensors)
            if (tensor is not null && (tensor.device_type != DeviceType.CPU || tensor.dtype is not (ScalarType.Float32 or ScalarType.BFloat16) || tensor.numel() == 0)) return false;
        return true;
    }

    /// <summary>A type as the kernels name it.</summary>
    internal static KernelType TypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => KernelType.Float32,
        ScalarType.BFloat16 => KernelType.BFloat16,
        _ => throw new ArgumentException($"the kernels know 32-bit and bfloat16 numbers, not {type}"),
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
        tensor is null || tensor.dtype == ScalarType.Float32 ? (float*)At(tensor) : throw new ArgumentException($"a kernel was given {tensor.dtype} where it takes 32-bit numbers");

    /// <summary>The numbers of a 32-bit tensor without gaps in the processor's memory, for as long as it lives.</summary>
    internal static Span<float> Numbers(Tensor tensor) => new(Floats(tensor), checked((int)tensor.numel()));
}
