using System.Globalization;

namespace Transformers.IO;

/// <summary>What this process holds in memory.</summary>
public static class ProcessMemory
{
    static long earlierPeak;

    /// <summary>Resident bytes now.</summary>
    public static long Resident => Read("VmRSS:") ?? Environment.WorkingSet;

    /// <summary>The most resident bytes so far.</summary>
    public static long Peak => Math.Max(earlierPeak, PeakSinceStart);

    /// <summary>The most resident bytes since <see cref="StartPeak"/>.</summary>
    public static long PeakSinceStart => Read("VmHWM:") ?? System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64;

    /// <summary>Whether <see cref="StartPeak"/> does anything: it does on Linux.</summary>
    public static bool CanMeasurePeak { get; } = OperatingSystem.IsLinux() && TryStartPeak();

    /// <summary>Counts the peak anew from here.</summary>
    public static void StartPeak() => TryStartPeak();

    static bool TryStartPeak()
    {
        try
        {
            earlierPeak = Peak;
            File.WriteAllText("/proc/self/clear_refs", "5"); // The kernel's word for this.
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Lets <see cref="Peak"/> begin anew at what is resident now, where the system can.</summary>
    public static void ResetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The peak since the start is then what there is.
        }
    }

    /// <summary>Bytes that this process can have in all: what it holds and what the machine, or its control group, has left; null where the system does not tell.</summary>
    public static long? Available
    {
        get
        {
            if (Field("/proc/meminfo", "MemAvailable:") is not { } free) return null;
            // What a control group holds of files it gives up when it is asked to.
            if (Number("/sys/fs/cgroup/memory.max") is { } most && Number("/sys/fs/cgroup/memory.current") is { } held)
                free = Math.Min(free, most - held + (Field("/sys/fs/cgroup/memory.stat", "inactive_file", unit: 1) ?? 0));
            return Math.Max(0, free) + Resident;
        }
    }

    static long? Read(string field) => Field("/proc/self/status", field);

    static long? Number(string path) => long.TryParse(FirstLine(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    static string? FirstLine(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadLines(path).FirstOrDefault() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    static long? Field(string path, string field, long unit = 1024)
    {
        try
        {
            foreach (var line in File.ReadLines(path))
                if (line.StartsWith(field, StringComparison.Ordinal))
                    return unit * long.Parse(line.AsSpan(field.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            // Not Linux, or not this kind of it: the caller's fallback answers.
        }
        return null;
    }
}
