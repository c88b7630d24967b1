using System.Diagnostics;
using System.Globalization;

namespace Transformers.Native;

/// <summary>How many cores other programs keep busy; Linux says it.</summary>
public sealed class CoreLoad
{
    (double Busy, double Own, double Wall)? last;

    /// <summary>Cores that other programs kept busy on average since the last call.</summary>
    /// <returns>Null at the first call, after too short a time to say, and where the system does not say.</returns>
    public double? OthersSinceLast()
    {
        if (Read() is not { } now) return null;
        var before = last;
        if (before is { } earlier && now.Wall - earlier.Wall < 0.05) return null;
        last = now;
        return before is not { } past ? null : Math.Max(0, (now.Busy - past.Busy - (now.Own - past.Own)) / (now.Wall - past.Wall));
    }

    // Seconds: of all cores together, of this process, by the clock.
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
