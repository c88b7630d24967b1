using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>Finds and loads the native shim, after the environment that libtorch reads has been put right.</summary>
internal static class NativeLibraryLoader
{
    internal const string Name = "transformer_torch";
    internal const int AbiVersion = 2;

    static readonly Lock loading = new();
    static IntPtr library;

    /// <summary>The shim's file, once it is loaded.</summary>
    internal static string? LoadedFrom { get; private set; }

    internal static bool IsLoaded => library != IntPtr.Zero;

    internal static IntPtr Load()
    {
        if (library != IntPtr.Zero) return library;
        lock (loading)
        {
            if (library != IntPtr.Zero) return library;
            EngineEnvironment.Prepare();
            var path = Candidates().FirstOrDefault(File.Exists)
                ?? throw new DllNotFoundException(
                    $"The native engine {FileName} was not found. Looked in: {string.Join(", ", Candidates())}. " +
                    "Build it with scripts/setup, or name its folder in TRANSFORMER_NATIVE.");
            var loaded = NativeLibrary.Load(path);
            LoadedFrom = path;
            library = loaded;
            SetThreads();
            return loaded;
        }
    }

    static unsafe void SetThreads()
    {
        int count;
        if (EngineEnvironment.Threads() is { } threads) Native.Check(Native.tt_threads(threads, &count));
    }

    internal static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        name == Name ? Load() : IntPtr.Zero;

    static string FileName =>
        OperatingSystem.IsWindows() ? $"{Name}.dll" : OperatingSystem.IsMacOS() ? $"lib{Name}.dylib" : $"lib{Name}.so";

    static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("TRANSFORMER_NATIVE") is { Length: > 0 } folder)
            yield return Path.Combine(folder, FileName);
        yield return Path.Combine(AppContext.BaseDirectory, FileName);
        for (var up = AppContext.BaseDirectory; up is not null; up = Path.GetDirectoryName(up))
            if (Path.GetFileName(up) == "artifacts") yield return Path.Combine(up, "native", FileName);
    }
}
