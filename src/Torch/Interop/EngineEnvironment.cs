using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Interop;

/// <summary>Puts the environment of libtorch and OpenBLAS right before they are loaded: they read it once.</summary>
/// <remarks>
/// .NET keeps its own copy of the environment, so the variables are set with libc's <c>setenv</c>.
/// TRANSFORMER_KEEP_ENVIRONMENT=1 leaves everything as the user set it.
/// </remarks>
internal static unsafe class EngineEnvironment
{
    /// <summary>What was changed and why, for <c>doctor</c>.</summary>
    internal static List<(string variable, string? before, string after, string reason)> Changes { get; } = [];

    /// <summary>The BLAS library that was loaded ahead of libtorch's choice, if any.</summary>
    internal static string? Blas { get; private set; }

    internal static void Prepare()
    {
        if (!OperatingSystem.IsLinux()) return;
        if (Environment.GetEnvironmentVariable("TRANSFORMER_KEEP_ENVIRONMENT") == "1") return;
        ChooseKernels();
        PreloadBlas();
    }

    static void ChooseKernels()
    {
        // OpenBLAS picks its kernels by CPUID unless a variable forces one; AVX2 kernels on a processor
        // with AVX-512 halve the speed of matrix products.
        var forced = Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE");
        if (forced is "Haswell" or "Zen" or "Sandybridge" or "Nehalem" or "Prescott" && Avx512F.IsSupported && Avx512BW.IsSupported)
            Set("OPENBLAS_CORETYPE", forced, "SkylakeX", "the processor has AVX-512, which the forced kernels do not use");
        if (Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") is null && Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported)
            Set("ATEN_CPU_CAPABILITY", null, "avx512", "libtorch keeps to AVX2 unless told otherwise");
    }

    /// <summary>How many threads compute best: one a core that this process may use; libtorch's own guess is 1 on some virtual machines.</summary>
    /// <returns>Null where the user has said it by OMP_NUM_THREADS or MKL_NUM_THREADS.</returns>
    internal static int? Threads()
    {
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is { Length: > 0 } || Environment.GetEnvironmentVariable("MKL_NUM_THREADS") is { Length: > 0 }) return null;
        var siblings = 1;
        try
        {
            var list = File.ReadAllText("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").Trim();
            if (list.Contains(',') || list.Contains('-')) siblings = 2;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not Linux, or hidden: every processor counts as a core.
        }
        return Math.Max(1, Environment.ProcessorCount / siblings);
    }

    static void Set(string variable, string? before, string after, string reason)
    {
        if (setenv(variable, after, 1) != 0) return;
        Environment.SetEnvironmentVariable(variable, after);
        Changes.Add((variable, before, after, reason));
    }

    // The pthread flavour of OpenBLAS fights libtorch's OpenMP threads. Whatever loads a library with the
    // same soname first wins, so the OpenMP flavour is loaded here where it is installed.
    static void PreloadBlas()
    {
        foreach (var folder in new[] { "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu" })
            foreach (var name in new[] { "libblas.so.3", "liblapack.so.3" })
            {
                var path = $"{folder}/openblas-openmp/{name}";
                if (!File.Exists(path)) continue;
                const int lazy = 1, global = 0x100;
                if (dlopen(path, lazy | global) != IntPtr.Zero && name == "libblas.so.3") Blas = path;
            }
    }

    [DllImport("libc", CharSet = CharSet.Ansi)]
    static extern int setenv([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);

    [DllImport("libc.so.6")]
    static extern IntPtr dlopen([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
}
