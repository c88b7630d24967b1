using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Reads the memory of devices, and returns unused memory to the system.</summary>
public static unsafe partial class DeviceMemory
{
    static readonly Lazy<IntPtr> management = new(() => NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1", out var library)
        && NativeLibrary.TryGetExport(library, "nvmlInit_v2", out var initialise) && ((delegate* unmanaged<int>)initialise)() == 0 ? library : IntPtr.Zero);

    /// <summary>Free, total and this process's own bytes of a CUDA device; null if the driver's management library does not report them.</summary>
    /// <remarks>Memory that libtorch has freed but keeps counts as the process's own.</remarks>
    public static DeviceMemoryUse? Of(Device device)
    {
        if (device.type != DeviceType.CUDA || management.Value == IntPtr.Zero) return null;
        IntPtr handle;
        if (Function("nvmlDeviceGetHandleByIndex_v2") is not { } get || ((delegate* unmanaged<uint, IntPtr*, int>)get)((uint)PhysicalIndex(device), &handle) != 0) return null;
        var memory = stackalloc ulong[3]; // total, free, used
        if (Function("nvmlDeviceGetMemoryInfo") is not { } info || ((delegate* unmanaged<IntPtr, ulong*, int>)info)(handle, memory) != 0) return null;
        return new((long)memory[1], (long)memory[0], OwnBytes(handle));
    }

    // NVML_VALUE_NOT_AVAILABLE, which Windows's usual driver model reports for every process.
    const ulong NotAvailable = ulong.MaxValue;

    // nvmlProcessInfo_t: process, padding, bytes used, two instance numbers.
    static long? OwnBytes(IntPtr device)
    {
        if (Function("nvmlDeviceGetComputeRunningProcesses_v3") is not { } list) return null;
        var count = 128u;
        var processes = stackalloc ulong[3 * (int)count];
        if (((delegate* unmanaged<IntPtr, uint*, ulong*, int>)list)(device, &count, processes) != 0) return null;
        for (var i = 0; i < count; i++)
            if ((uint)processes[3 * i] == (uint)Environment.ProcessId) return processes[3 * i + 1] == NotAvailable ? null : (long)processes[3 * i + 1];
        return null; // Inside a container, the driver may know this process by another number.
    }

    // CUDA_VISIBLE_DEVICES renumbers devices for libtorch, not for the management library.
    static int PhysicalIndex(Device device)
    {
        var index = Math.Max(0, device.index);
        var visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES")?.Split(',');
        return visible is not null && index < visible.Length && int.TryParse(visible[index], out var physical) ? physical : index;
    }

    static IntPtr? Function(string name) => NativeLibrary.TryGetExport(management.Value, name, out var address) ? address : null;

    /// <summary>Returns unused memory of the garbage collector and the C library to the system.</summary>
    public static void TrimMemory()
    {
        KernelLibrary.TrimMemory();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // The C library is not glibc.
        }
    }

    [LibraryImport("libc.so.6")]
    private static partial int malloc_trim(nuint keep);
}

/// <summary>The memory of a device in bytes.</summary>
/// <param name="Free">Free for anyone.</param>
/// <param name="Total">All of it.</param>
/// <param name="Own">This process's part; null if it is unknown.</param>
public sealed record DeviceMemoryUse(long Free, long Total, long? Own);

/// <summary>Measures how many cores other programs keep busy, on Linux.</summary>
public sealed class CoreLoad
{
    (double Busy, double Own, double Wall)? last;

    /// <summary>Cores that other programs kept busy on average since the last call.</summary>
    /// <returns>Null at the first call, after less than 50 ms, and if the system does not report it.</returns>
    public double? OthersSinceLast()
    {
        if (Read() is not { } now) return null;
        var before = last;
        if (before is { } earlier && now.Wall - earlier.Wall < 0.05) return null;
        last = now;
        return before is not { } past ? null : Math.Max(0, (now.Busy - past.Busy - (now.Own - past.Own)) / (now.Wall - past.Wall));
    }

    // In seconds: all cores together, this process, the clock.
    static (double Busy, double Own, double Wall)? Read()
    {
        try
        {
            // user, nice, system, idle, iowait, irq, softirq, steal; in hundredths of a second.
            if (File.ReadLines("/proc/stat").FirstOrDefault()?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not ["cpu", .. var fields] || fields.Length < 7) return null;
            double At(int field) => double.Parse(fields[field], CultureInfo.InvariantCulture) / 100;
            return (At(0) + At(1) + At(2) + At(5) + At(6), Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds, Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }
}

/// <summary>Times a computation by the best of several tries.</summary>
static class BestTime
{
    const int MostTries = 400;

    /// <summary>Seconds of the fastest try.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="limit">About how long to try; there are at least two tries.</param>
    /// <param name="kernel">The computation; on a CUDA device, its result is waited for.</param>
    internal static double Seconds(Device device, TimeSpan limit, Func<Tensor?> kernel)
    {
        var best = double.PositiveInfinity;
        var started = Stopwatch.GetTimestamp();
        // The first try warms up caches and threads; it counts only if it takes the whole limit.
        for (var i = 0; i < MostTries && (i < 2 || Stopwatch.GetElapsedTime(started) < limit); i++)
        {
            using var scope = NewDisposeScope();
            var start = Stopwatch.GetTimestamp();
            var result = kernel();
            // Reading a number waits for a device that works asynchronously.
            if (device.type == DeviceType.CUDA) (result ?? ones(1, device: device)).flatten()[0].to(ScalarType.Float32).item<float>();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }
}
