using System.Diagnostics;
using System.Globalization;
using Transformers.Benchmarks;
using Transformers.IO;

namespace Benchmarks;

/// <summary>The result of a row: a line of name=value that scripts/bench reads; pytorch/measure.py prints the same.</summary>
/// <param name="Units">Units of one call.</param>
/// <param name="Median">Seconds of the median call.</param>
/// <param name="Fast">The lower quartile of the calls' seconds.</param>
/// <param name="Slow">The upper quartile.</param>
/// <param name="Parameters">The number of the model's parameters, which must be the same on both sides; 0 without a model.</param>
/// <param name="Loss">The loss of the first step, before any update; 0 if nothing is trained.</param>
sealed record Measured(double Units, double Median, double Fast, double Slow, long Parameters = 0, double Loss = 0)
{
    /// <summary>The result from the seconds of calls.</summary>
    internal static Measured Of(double units, IEnumerable<double> seconds, long parameters = 0)
    {
        var times = seconds.Order().ToList();
        return new Measured(units, times[times.Count / 2], times[times.Count / 4], times[3 * times.Count / 4], parameters);
    }

    /// <summary>The result of training steps.</summary>
    internal static Measured Of(StepBenchmarkResult step) => new(step.UnitsPerStep, step.Seconds, step.FastSeconds, step.SlowSeconds, step.Parameters, step.FirstLoss);

    /// <summary>Calls <paramref name="step"/> to warm up, then for about the given number of seconds.</summary>
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

    /// <summary>Units per second of the median call and of the quartiles, and the values that must agree on both sides.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"value={Units / Median:G6} low={Units / Slow:G6} high={Units / Fast:G6} peak={ProcessMemory.Peak} parameters={Parameters} loss={Loss:G6}");
}
