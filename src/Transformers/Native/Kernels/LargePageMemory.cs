using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>Memory outside the collector's and libtorch's, in large pages where the system has them.</summary>
/// <remarks>Generation reads all weights, keys and values at every token: through small pages it would wait for addresses to be translated.</remarks>
sealed unsafe partial class LargePageMemory : SafeHandle
{
    const long PageSize = 2 << 20;
    const int UseLargePages = 14; // MADV_HUGEPAGE

    /// <summary>Memory that is not cleared.</summary>
    /// <param name="bytes">At least so many; there are whole large pages.</param>
    internal LargePageMemory(long bytes) : base(0, ownsHandle: true)
    {
        Bytes = Math.Max(1, (bytes + PageSize - 1) / PageSize) * PageSize;
        SetHandle((nint)NativeMemory.AlignedAlloc((nuint)Bytes, (nuint)PageSize));
        // A system that has none leaves it as it is.
        if (OperatingSystem.IsLinux()) _ = madvise(Address, (nuint)Bytes, UseLargePages);
    }

    /// <summary>Its size.</summary>
    internal long Bytes { get; }

    /// <summary>Where it begins; the object must be kept alive while the address is in use.</summary>
    internal void* Address => (void*)handle;

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
