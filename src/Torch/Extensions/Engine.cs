using TorchSharp.Interop;

namespace TorchSharp.Extensions;

/// <summary>What engine is in use and how it was set up; for reports, and for settings that libtorch reads once.</summary>
public static unsafe class Engine
{
    /// <summary>Loads the engine if it is not loaded yet, and has it keep the memory of tensors for the next ones: a training step frees and takes the same blocks each time.</summary>
    public static void Load()
    {
        NativeLibraryLoader.Load();
        if (Native.tt_abi_version() != NativeLibraryLoader.AbiVersion)
            throw new DllNotFoundException($"{NativeLibraryLoader.LoadedFrom} was built from other sources (ABI {Native.tt_abi_version()}, wanted {NativeLibraryLoader.AbiVersion}): build it again.");
        Native.Check(Native.tt_own_memory());
    }

    /// <summary>The shim's file, or null before it is loaded.</summary>
    public static string? LibraryPath => NativeLibraryLoader.LoadedFrom;

    /// <summary>Environment variables that were set before libtorch was loaded: the value before and after, and why.</summary>
    public static IReadOnlyList<(string variable, string? before, string after, string reason)> EnvironmentChanges => EngineEnvironment.Changes;

    /// <summary>The BLAS library that was loaded ahead of the system's choice, if any.</summary>
    public static string? PreloadedBlas => EngineEnvironment.Blas;

    /// <summary>The kernel set that OpenBLAS chose, or null without OpenBLAS.</summary>
    public static string? BlasKernel
    {
        get
        {
            byte* text;
            Native.Check(Native.tt_blas_kernel(&text));
            return Native.TakeText(text);
        }
    }

    /// <summary>How libtorch was built, as it says itself.</summary>
    public static string BuildDescription => Describe(0);

    /// <summary>How libtorch uses threads, as it says itself.</summary>
    public static string ThreadDescription => Describe(1);

    /// <summary>Whether oneDNN is built in.</summary>
    public static bool HasOneDnn
    {
        get
        {
            int has;
            Native.Check(Native.tt_context_flag(2, -1, &has));
            return has != 0;
        }
    }

    /// <summary>Gives memory that is not in use back to the system.</summary>
    public static void TrimMemory() => Native.Check(Native.tt_trim_memory());

    static string Describe(int what)
    {
        byte* text;
        Native.Check(Native.tt_describe(what, &text));
        return Native.TakeText(text)!;
    }
}

/// <summary>Counts what native code holds for managed code; a loop that does not leak leaves it as it was.</summary>
public static class NativeHandles
{
    /// <summary>Tensors and generators that are held now, by objects alive or not yet finalized.</summary>
    public static long Live => Native.tt_live_handles();
}
