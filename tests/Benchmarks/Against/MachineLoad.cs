using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Against;

/// <summary>How busy the machine was with work other than this program's and its children's.</summary>
sealed class MachineLoad
{
    const double TicksPerSecond = 100;

    readonly Stopwatch clock = Stopwatch.StartNew();
    readonly double all = AllSeconds(), own = OwnSeconds();

    /// <summary>Starts to watch.</summary>
    internal static MachineLoad Start() => new();

    /// <summary>The fraction of all processors' time since the start that other work took, including time stolen by a host; 0 if the system
    /// does not report it.</summary>
    internal double OfOthers() => Math.Max(0, AllSeconds() - all - (OwnSeconds() - own)) / (clock.Elapsed.TotalSeconds * Environment.ProcessorCount);

    // user, nice, system, then (after idle and iowait) interrupts and time stolen by the host.
    static double AllSeconds() => File.Exists("/proc/stat") && Numbers(File.ReadLines("/proc/stat").First().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1..]) is var ticks
        ? (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) / TicksPerSecond : 0;

    // This process and its children that ended; what follows the name in parentheses starts with field 3.
    static double OwnSeconds()
    {
        if (!File.Exists("/proc/self/stat")) return 0;
        var text = File.ReadAllText("/proc/self/stat");
        return Numbers(text[(text.LastIndexOf(')') + 2)..].Split(' ')[11..15]).Sum() / TicksPerSecond;
    }

    static double[] Numbers(string[] words) => [.. words.Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
}
