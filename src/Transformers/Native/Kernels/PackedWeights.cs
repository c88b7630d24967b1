using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>A decoder's packed weights, in memory of their own.</summary>
sealed unsafe class PackedWeights : SafeHandle
{
    // Where large pages begin on the systems that have them.
    const int Alignment = 2 << 20;

    PackedWeights() : base(0, ownsHandle: true)
    {
    }

    /// <summary>Packs weights; the arguments are <see cref="DecoderKernels.Pack"/>'s.</summary>
    internal static PackedWeights Of(in DecoderForm form, ReadOnlySpan<nint> parts, PackedType type, double epsilon)
    {
        var bytes = DecoderKernels.Size(form, parts, type, epsilon);
        var weights = new PackedWeights();
        weights.SetHandle((nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment));
        DecoderKernels.Pack(form, parts, type, epsilon, weights.Memory, bytes);
        return weights;
    }

    /// <summary>The packed weights; the object must be kept alive while they are in use.</summary>
    internal void* Memory => (void*)handle;

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
