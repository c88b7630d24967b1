using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>Loads shared libraries so that others find their symbols, and at once or not at all.</summary>
static partial class SharedLibrary
{
    const int Now = 2, Global = 0x100;

    /// <summary>A library's file name on this system.</summary>
    internal static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>Loads a file. On Linux all its symbols are bound at once, so that a library of the wrong version is found here and not at its first use.</summary>
    /// <exception cref="DllNotFoundException">It does not load; the message is the loader's.</exception>
    internal static IntPtr Open(string path)
    {
        if (!OperatingSystem.IsLinux()) return NativeLibrary.Load(path);
        var handle = dlopen(path, Now | Global);
        return handle != IntPtr.Zero ? handle : throw new DllNotFoundException(Marshal.PtrToStringUTF8(dlerror()) ?? $"{path} does not load");
    }

    /// <summary>Whether a symbol of a version is in the process.</summary>
    internal static bool Exports(string symbol, string version) => dlvsym(IntPtr.Zero, symbol, version) != IntPtr.Zero;

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr dlopen(string path, int flags);

    [LibraryImport("libc.so.6")]
    private static partial IntPtr dlerror();

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr dlvsym(IntPtr handle, string symbol, string version);
}

/// <summary>What the system's own libraries have.</summary>
static class SystemLibraries
{
    /// <summary>The version of libstdc++ that GCC 13 brought, with one symbol that TorchSharp's native part asks for and never calls.</summary>
    internal const string IostreamsVersion = "GLIBCXX_3.4.32";

    /// <summary>Whether the libstdc++ in this process is older than GCC 13's; libtorch has loaded it before.</summary>
    internal static bool LacksIostreamsOfGcc13() =>
        OperatingSystem.IsLinux() && !SharedLibrary.Exports("_ZSt21ios_base_library_initv", IostreamsVersion);
}

/// <summary>NVIDIA's driver.</summary>
static class CudaDriver
{
    /// <summary>Whether the driver's library is on this machine.</summary>
    internal static bool IsPresent { get; } = NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out _);
}
