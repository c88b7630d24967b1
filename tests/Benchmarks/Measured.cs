using System.Diagnostics;
using System.Globalization;
using Transformers.IO;

namespace Benchmarks;

/// <summary>What a row came to: a line of name=value that scripts/bench reads; pytorch/measure.py prints the same.</summary>
/// <param name="Units">Units of one call.</param>
/// <param name="Seconds">Seconds of each call.</param>
/// <param name="Parameters">The model's parameters, which both sides must have; 0 without a model.</param>
/// <param name="Loss">The loss of the first step, before any update; 0 where nothing is trained.</param>
sealed record Measured(double Units, IReadOnlyList<double> Seconds, long Parameters = 0, double Loss = 0)
{
    /// <summary>Calls <paramref name="step"/> to warm up, then for about so many seconds.</summary>
    internal static List<double> Time(Action step, int warm = 4, double seconds = 9, int least = 8)
    {
        for (var i = 0; i < warm; i++) step();
        var times = new List<double>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds || times.Count < least)
        {
            var started = Stopwatch.GetTimestamp();
            step();
            times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return times;
    }

    /// <summary>Units a second of the median call and of the quarters around it, and what both sides must agree on.</summary>
    public override string ToString()
    {
        var times = Seconds.Order().ToList();
        var (median, slow, fast) = (times[times.Count / 2], times[3 * times.Count / 4], times[times.Count / 4]);
        return string.Create(CultureInfo.InvariantCulture,
            $"value={Units / median:G6} low={Units / slow:G6} high={Units / fast:G6} peak={ProcessMemory.Peak} parameters={Parameters} loss={Loss:G6}");
    }
}
