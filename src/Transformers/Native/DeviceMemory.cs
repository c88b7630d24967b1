using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>The memory of devices, and giving back what this process does not use.</summary>
public static unsafe partial class DeviceMemory
{
    static readonly Lazy<IntPtr> management = new(() => NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1", out var library)
        && NativeLibrary.TryGetExport(library, "nvmlInit_v2", out var initialise) && ((delegate* unmanaged<int>)initialise)() == 0 ? library : IntPtr.Zero);

    /// <summary>Free, total and this process's own bytes of a CUDA device; null where the driver's management library does not say.</summary>
    /// <remarks>What libtorch has freed but keeps for itself counts as the process's own.</remarks>
    public static DeviceMemoryUse? Of(Device device)
    {
        if (device.type != DeviceType.CUDA || management.Value == IntPtr.Zero) return null;
        IntPtr handle;
        if (Function("nvmlDeviceGetHandleByIndex_v2") is not { } get || ((delegate* unmanaged<uint, IntPtr*, int>)get)((uint)PhysicalIndex(device), &handle) != 0) return null;
        var memory = stackalloc ulong[3]; // total, free, used
        if (Function("nvmlDeviceGetMemoryInfo") is not { } info || ((delegate* unmanaged<IntPtr, ulong*, int>)info)(handle, memory) != 0) return null;
        return new((long)memory[1], (long)memory[0], OwnBytes(handle));
    }

    // nvmlProcessInfo_t: process, padding, bytes used, two instance numbers.
    static long? OwnBytes(IntPtr device)
    {
        if (Function("nvmlDeviceGetComputeRunningProcesses_v3") is not { } list) return null;
        var count = 128u;
        var processes = stackalloc ulong[3 * (int)count];
        if (((delegate* unmanaged<IntPtr, uint*, ulong*, int>)list)(device, &count, processes) != 0) return null;
        for (var i = 0; i < count; i++)
            if ((uint)processes[3 * i] == (uint)Environment.ProcessId) return (long)processes[3 * i + 1];
        return null; // Inside a container the driver may know another number for this process.
    }

    // CUDA_VISIBLE_DEVICES renumbers devices for libtorch, not for the management library.
    static int PhysicalIndex(Device device)
    {
        var index = Math.Max(0, device.index);
        var visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES")?.Split(',');
        return visible is not null && index < visible.Length && int.TryParse(visible[index], out var physical) ? physical : index;
    }

    static IntPtr? Function(string name) => NativeLibrary.TryGetExport(management.Value, name, out var address) ? address : null;

    /// <summary>Gives memory that is not in use back to the system: the collector's and the C library's.</summary>
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
            // Another C library than glibc.
        }
    }

    [LibraryImport("libc.so.6")]
    private static partial int malloc_trim(nuint keep);
}

/// <summary>The memory of a device in bytes.</summary>
/// <param name="Free">Free for anyone.</param>
/// <param name="Total">All of it.</param>
/// <param name="Own">This process's part; null where it is unknown.</param>
public sealed record DeviceMemoryUse(long Free, long Total, long? Own);
