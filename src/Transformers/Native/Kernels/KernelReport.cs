namespace Transformers.Native;

/// <summary>The library of kernels that is in use, for <c>doctor</c>.</summary>
public static class KernelReport
{
    /// <summary>Its file; null where there is none.</summary>
    public static string? Path => KernelLibrary.IsAvailable ? KernelLibrary.Path : null;

    /// <summary>The instruction set in use: <c>avx512_bf16</c>, <c>avx512</c>, <c>avx2</c> or <c>baseline</c>.</summary>
    public static string? InstructionSet => KernelLibrary.IsAvailable ? KernelLibrary.InstructionSet : null;

    /// <summary>Whether tensors in the processor's memory come from the library's pool.</summary>
    public static bool HasTensorMemory => KernelLibrary.IsAvailable && KernelLibrary.HasTensorMemory;

    /// <summary>Why the kernels are not in use; null where they are.</summary>
    public static string? Missing => KernelLibrary.IsAvailable ? null : KernelLibrary.Reason;
}
