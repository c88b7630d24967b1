using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp.Extensions;

/// <summary>The memory of an accelerator, as its driver counts it.</summary>
public static unsafe class DeviceMemory
{
    /// <summary>Free and total bytes of a CUDA device; null without CUDA.</summary>
    /// <remarks>
    /// libtorch keeps what its tensors have let go of, so what is not free after a step is the step's peak. The functions are the
    /// CUDA runtime's that libtorch itself has loaded: found through the shim, whose dependency it is.
    /// </remarks>
    /// <param name="index">The device.</param>
    public static (long free, long total)? OfCuda(int index)
    {
        int devices;
        Native.Check(Native.tt_cuda_devices(&devices));
        if (devices == 0 || Symbol("cudaGetDevice") is not { } get || Symbol("cudaSetDevice") is not { } set || Symbol("cudaMemGetInfo") is not { } info) return null;
        int before;
        nuint free, total;
        if (((delegate* unmanaged<int*, int>)get)(&before) != 0 || ((delegate* unmanaged<int, int>)set)(index) != 0) return null;
        var failed = ((delegate* unmanaged<nuint*, nuint*, int>)info)(&free, &total);
        _ = ((delegate* unmanaged<int, int>)set)(before);
        return failed != 0 ? null : ((long)free, (long)total);
    }

    /// <summary>The address of a function of the shim or of a library that it stands on; null where there is none.</summary>
    internal static IntPtr? Symbol(string name) =>
        NativeLibrary.TryGetExport(NativeLibraryLoader.Load(), name, out var address) ? address : null;
}
