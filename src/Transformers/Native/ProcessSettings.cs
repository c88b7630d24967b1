using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Transformers.Native;

/// <summary>Settings that libtorch, its OpenMP runtime and the C library read once, made before they are loaded.</summary>
/// <remarks>
/// .NET has its own copy of the environment, so variables are set with libc's <c>setenv</c>. Variables that the user has set are not
/// changed; TRANSFORMER_KEEP_ENVIRONMENT=1 prevents all changes.
/// </remarks>
public static partial class ProcessSettings
{
    const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;

    /// <summary>The number of threads that the user asks for with <c>--threads</c>; null for TRANSFORMER_THREADS or the default. Set before
    /// <see cref="NativeLibraries.Load"/>.</summary>
    public static int? Threads { get; set; }

    /// <summary>Gives this process its part of a machine that several processes use: an equal number of cores, and one CUDA device. Called
    /// before <see cref="NativeLibraries.Load"/>.</summary>
    /// <param name="localRank">The number of this process among those on the machine.</param>
    /// <param name="localSize">The number of processes on the machine.</param>
    /// <param name="sharing">The number of these, including this one, that may use the same cores: fewer than all if a launcher has bound
    /// each to its own.</param>
    public static void DivideAmong(int localRank, int localSize, int sharing)
    {
        processes = sharing;
        if (localSize == 1 || Environment.GetEnvironmentVariable("TRANSFORMER_KEEP_ENVIRONMENT") == "1" || !OperatingSystem.IsLinux()) return;
        const string devices = "CUDA_VISIBLE_DEVICES";
        // A launcher that has chosen a device for each process names one.
        var listed = Environment.GetEnvironmentVariable(devices) is { Length: > 0 } text ? text.Split(',') : null;
        var own = listed is null ? localRank.ToString(CultureInfo.InvariantCulture) : listed.Length > localRank && listed.Length > 1 ? listed[localRank] : null;
        if (own is not null && setenv(devices, own, 1) == 0) Environment.SetEnvironmentVariable(devices, own);
    }

    /// <summary>The cores that this process may use, as Linux lists them; empty if unknown.</summary>
    public static string AllowedCores
    {
        get
        {
            const string name = "Cpus_allowed_list:";
            return OperatingSystem.IsLinux() ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim() ?? "" : "";
        }
    }

    /// <summary>Makes Open MPI pass whole buckets of gradients to the network. Called before the library is started.</summary>
    /// <remarks>
    /// By default it splits a message into parts of 128 KiB, and sends the next one only when it is polled. The polling thread runs between
    /// the computing threads' time slices: on a network of 1 Gbit/s, half as much of the exchange was hidden behind the backward pass.
    /// </remarks>
    internal static void PrepareOpenMpi()
    {
        if (Environment.GetEnvironmentVariable("TRANSFORMER_KEEP_ENVIRONMENT") == "1" || !OperatingSystem.IsLinux()) return;
        foreach (var setting in new[] { "btl_tcp_eager_limit", "btl_tcp_rndv_eager_limit", "btl_tcp_max_send_size" })
            SetUnlessSet($"OMPI_MCA_{setting}", "4194304", "", []);
    }

    static int processes = 1;

    /// <summary>The instruction set that libtorch's own kernels use: <c>avx512</c>, <c>avx2</c> or <c>default</c>.</summary>
    public static string Instructions => Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") is { Length: > 0 } named ? named : Avx2.IsSupported ? "avx2" : "default";

    /// <summary>Makes the settings that must be made before libtorch is loaded.</summary>
    /// <returns>What was changed and why.</returns>
    internal static IReadOnlyList<string> Prepare()
    {
        var changes = new List<string>();
        if (Environment.GetEnvironmentVariable("TRANSFORMER_KEEP_ENVIRONMENT") == "1" || !OperatingSystem.IsLinux()) return changes;
        if (Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported)
            SetUnlessSet("ATEN_CPU_CAPABILITY", "avx512", "libtorch's own kernels otherwise use only AVX2 on many processors with AVX-512", changes);
        // A thread that waits for the next parallel region spins, which takes the core from other programs. 3,000 pauses are about 75 µs.
        // In generation, a token starts 35 µs after the previous one; a thread that had to be woken would be 15 µs late.
        if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not { Length: > 0 })
            SetUnlessSet("GOMP_SPINCOUNT", "3000", "waiting threads soon yield their cores to other programs", changes);
        if (KeepMemory()) changes.Add("malloc keeps up to 1 GiB of freed memory: training steps allocate and free the same large blocks again and again");
        return changes;
    }

    /// <summary>Sets the number of threads of the loaded libtorch.</summary>
    internal static void ApplyThreads()
    {
        if (WantedThreads() is { } threads && threads != torch.get_num_threads()) torch.set_num_threads(threads);
    }

    /// <summary>The number of threads that compute: the user's, else one for each core that this process may use.</summary>
    /// <returns>Null if OMP_NUM_THREADS or MKL_NUM_THREADS is set, which libtorch reads itself.</returns>
    /// <exception cref="UserException">TRANSFORMER_THREADS is not a number of threads.</exception>
    internal static int? WantedThreads()
    {
        if (Threads is { } asked) return asked;
        if (Environment.GetEnvironmentVariable("TRANSFORMER_THREADS") is { Length: > 0 } text)
        {
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var named) && named is >= 1 and <= 1024 ? named
                : throw new UserException($"TRANSFORMER_THREADS ({text}) must be a whole number from 1 to 1024", "set it to the number of threads, or unset it");
        }
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is { Length: > 0 } || Environment.GetEnvironmentVariable("MKL_NUM_THREADS") is { Length: > 0 }) return null;
        return Math.Max(1, Environment.ProcessorCount / ThreadsPerCore() / processes);
    }

    static int ThreadsPerCore()
    {
        try
        {
            var siblings = File.ReadAllText("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").Trim();
            return siblings.Contains(',') || siblings.Contains('-') ? 2 : 1;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return 1; // Not Linux, or not accessible: every logical processor counts as a core.
        }
    }

    static void SetUnlessSet(string variable, string value, string reason, List<string> changes)
    {
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } || setenv(variable, value, 1) != 0) return;
        Environment.SetEnvironmentVariable(variable, value);
        changes.Add($"{variable}={value}: {reason}");
    }

    // By default glibc returns large blocks to the system immediately, and every step would pay for new pages.
    static bool KeepMemory()
    {
        try
        {
            return (mallopt(MmapThreshold, 1 << 30) & mallopt(TrimThreshold, 1 << 30) & mallopt(TopPad, 64 << 20)) != 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false; // The C library is not glibc.
        }
    }

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc.so.6")]
    private static partial int mallopt(int parameter, int value);
}
