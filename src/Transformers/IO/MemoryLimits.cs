namespace Transformers.IO;

/// <summary>How much more memory may be used, and what sets the limit.</summary>
readonly record struct MemoryRoom(long Bytes, string Source);

/// <summary>How much of the machine's memory this process may use: the limits of its control groups (versions 1 and 2) and what the system has available.</summary>
/// <remarks>
/// Linux allocates more memory than it has and kills a process that uses too much, so a successful allocation proves nothing. Cached pages
/// of files count as used by a group, but are freed before a process is killed, so they are available.
/// </remarks>
sealed class MemoryLimits(string root = "/")
{
    // Version 1 expresses "no limit" as a number close to the largest 64-bit integer.
    const long NoLimit = 1L << 60;

    /// <summary>The least memory that any limit leaves; null if the system reports none.</summary>
    public MemoryRoom? Room()
    {
        MemoryRoom? least = null;
        foreach (var room in All())
            if (least is null || room.Bytes < least.Value.Bytes) least = room;
        return least;
    }

    IEnumerable<MemoryRoom> All()
    {
        var available = Path.Combine(root, "proc/meminfo");
        if (Field(available, "MemAvailable:") is { } kilobytes) yield return new(1024 * kilobytes, $"{available}, MemAvailable");
        foreach (var line in Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            // number:controllers:path; version 2 has no controllers.
            if (line.Split(':', 3) is not [_, var controllers, var path]) continue;
            if (controllers.Length == 0)
                foreach (var room in Groups("sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file")) yield return room;
            else if (controllers.Split(',').Contains("memory"))
                foreach (var room in Groups("sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")) yield return room;
        }
    }

    // A group's limit also applies to the groups below it. Inside a container, the path may be the host's and the container's own group the
    // root.
    IEnumerable<MemoryRoom> Groups(string mount, string path, string limit, string usage, string cache)
    {
        for (var group = path.Trim('/'); ; group = Path.GetDirectoryName(group) ?? "")
        {
            var folder = Path.Combine(root, mount, group);
            var file = Path.Combine(folder, limit);
            if (Number(file) is { } most and < NoLimit && Number(Path.Combine(folder, usage)) is { } used)
                yield return new(most - used + Math.Min(used, Field(Path.Combine(folder, "memory.stat"), cache) ?? 0), file);
            if (group.Length == 0) yield break;
        }
    }

    static long? Number(string file) =>
        Lines(file).FirstOrDefault() is { } text && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    static long? Field(string file, string name)
    {
        foreach (var line in Lines(file))
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var first, var text, ..] && first == name)
                return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return null;
    }

    static string[] Lines(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // An unreadable limit is treated as none.
        }
    }
}

/// <summary>The memory of this process.</summary>
public static class ProcessMemory
{
    static long earlierPeak;

    /// <summary>Resident bytes now.</summary>
    public static long Resident => Read("VmRSS:") ?? Environment.WorkingSet;

    /// <summary>The most resident bytes so far.</summary>
    public static long Peak => Math.Max(earlierPeak, PeakSinceStart);

    /// <summary>The most resident bytes since <see cref="StartPeak"/>.</summary>
    public static long PeakSinceStart => Read("VmHWM:") ?? System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64;

    /// <summary>Whether <see cref="StartPeak"/> has an effect, as it does on Linux.</summary>
    public static bool CanMeasurePeak { get; } = OperatingSystem.IsLinux() && TryStartPeak();

    /// <summary>Resets the peak.</summary>
    public static void StartPeak() => TryStartPeak();

    static bool TryStartPeak()
    {
        try
        {
            earlierPeak = Peak;
            File.WriteAllText("/proc/self/clear_refs", "5"); // Resets VmHWM.
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    static long? Read(string field)
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/self/status"))
                if (line.StartsWith(field, StringComparison.Ordinal))
                    return 1024 * long.Parse(line.AsSpan(field.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            // Not Linux: the caller has a fallback.
        }
        return null;
    }
}

/// <summary>Memory has run out, or would; exit code 4.</summary>
/// <param name="message">What needs how much memory, and how much is available.</param>
/// <param name="remedy">What to lower.</param>
/// <param name="inner">The allocation that failed, if one did.</param>
public sealed class MemoryException(string message, string remedy, Exception? inner = null) : OutOfMemoryException(message, inner)
{
    /// <summary>What to lower.</summary>
    public string Remedy => remedy;

    /// <summary>Whether an exception says that memory ran out: .NET's own, or libtorch's as wrapped by TorchSharp.</summary>
    public static bool IsOutOfMemory(Exception exception) => exception is OutOfMemoryException ||
        exception is System.Runtime.InteropServices.ExternalException && (exception.Message.Contains("allocate memory", StringComparison.Ordinal) || exception.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase));

    /// <summary>What such an exception says, without the trace that libtorch adds.</summary>
    public static string Describe(Exception exception) => exception is OutOfMemoryException ? exception.Message : exception.Message.Split('\n')[0];
}
