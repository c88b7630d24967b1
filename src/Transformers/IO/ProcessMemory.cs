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
            // Not Linux: the caller's fallback answers.
        }
        return null;
    }
}
