using Transformers.IO;

namespace Transformers.Generators;

/// <summary>The kinds of generated series.</summary>
public enum SeriesKind
{
    /// <summary>A trend, two seasonal components, and a long season whose amplitude follows a rule with two regimes.</summary>
    Regimes,
}

/// <summary>A generated series, which can compute its own best possible forecast.</summary>
/// <remarks>
/// y(t) = level + trend·t + b·sin(2π(t + u)/6) + a(c)·sin²(π(p + ½)/24) + noise, where c is the cycle of 24 steps that contains t, and p is the
/// step within it. The height a of a cycle follows from that of the cycle before by a tent map: a low cycle is followed by one nearly twice
/// as far from the floor, and a high one collapses; a little noise is added. Successive heights are uncorrelated, so a
/// linear forecaster learns almost nothing about the next height.
/// </remarks>
public sealed class SeriesGenerator
{
    /// <summary>The length of the long season, in steps.</summary>
    public const int Period = 24;

    const int ShortPeriod = 6;
    const double Low = 0.2, High = 2.2, Growth = 1.9, Surprise = 0.15;

    readonly ulong seed;
    readonly int index, phase, shortPhase;
    readonly double level, trend, ripple, noise;
    readonly double[] heights;

    /// <summary>Draws a series.</summary>
    /// <param name="seed">The seed of the set.</param>
    /// <param name="index">The number of the series in the set.</param>
    /// <param name="length">The number of steps; a longer series begins with the same values.</param>
    /// <param name="noise">The standard deviation of the noise of each value.</param>
    public SeriesGenerator(ulong seed, int index, int length, double noise)
    {
        (this.seed, this.index, this.noise) = (seed, index, noise);
        var own = new SampleRandom(seed, 0x736572696573, (ulong)index);
        (level, trend, ripple) = (own.Uniform(-3, 3), own.Uniform(-0.01, 0.01), own.Uniform(0.2, 0.5));
        (phase, shortPhase) = (own.Next(Period), own.Next(ShortPeriod));
        var cycles = new SampleRandom(seed, 0x6379636C6573, (ulong)index);
        heights = new double[(length + phase - 1) / Period + 1];
        heights[0] = cycles.Uniform(Low, High);
        for (var cycle = 1; cycle < heights.Length; cycle++) heights[cycle] = Next(heights[cycle - 1], cycles);
        var errors = new SampleRandom(seed, 0x6E6F697365, (ulong)index);
        Values = new double[length];
        for (var t = 0; t < length; t++) Values[t] = Base(t) + heights[CycleOf(t)] * Shape(t) + noise * errors.Normal();
    }

    /// <summary>The values.</summary>
    public double[] Values { get; }

    int CycleOf(int t) => (t + phase) / Period;

    // Level, trend and the short season.
    double Base(int t) => level + trend * t + ripple * Math.Sin(2 * Math.PI * (t + shortPhase) / ShortPeriod);

    // The long season of height 1.
    double Shape(int t)
    {
        var sine = Math.Sin(Math.PI * ((t + phase) % Period + 0.5) / Period);
        return sine * sine;
    }

    static double Tent(double height) => Low + Growth * Math.Min(height - Low, High - height);

    static double Next(double height, SampleRandom random) => Reflect(Tent(height) + Surprise * random.Normal());

    // Values outside the range are reflected into it.
    static double Reflect(double height) => Math.Clamp(height > High ? 2 * High - height : height < Low ? 2 * Low - height : height, Low, High);

    /// <summary>The best possible forecast from a step on, given the rules, this series' trend and seasons, and the heights of all finished cycles.</summary>
    /// <remarks>The height of the unfinished cycle has a normal distribution, given its observed values; the future is simulated from there.</remarks>
    /// <param name="origin">The first step of the forecast, at least 1.</param>
    /// <param name="horizon">The number of steps.</param>
    /// <param name="quantiles">The probabilities of the quantiles.</param>
    /// <returns>For each step, the mean and then each quantile.</returns>
    public double[][] BestForecast(int origin, int horizon, IReadOnlyList<double> quantiles)
    {
        const int draws = 400; // simulated futures
        var cycle = CycleOf(origin - 1);
        var (mean, deviation) = HeightOf(cycle, origin);
        var random = new SampleRandom(seed, 0x62657374, (ulong)index, (ulong)origin);
        var futures = new double[horizon][];
        for (var h = 0; h < horizon; h++) futures[h] = new double[draws];
        for (var draw = 0; draw < draws; draw++)
        {
            var (height, at) = (Math.Clamp(mean + deviation * random.Normal(), Low, High), cycle);
            for (var h = 0; h < horizon; h++)
            {
                for (; at < CycleOf(origin + h); at++) height = Next(height, random);
                futures[h][draw] = Base(origin + h) + height * Shape(origin + h) + noise * random.Normal();
            }
        }
        return [.. futures.Select(values => (double[])[values.Average(), .. Quantiles(values, quantiles)])];
    }

    // Mean and standard deviation of a cycle's height, given the height before it and the cycle's values before the origin.
    (double Mean, double Deviation) HeightOf(int cycle, int origin)
    {
        var (prior, spread) = cycle == 0 ? ((Low + High) / 2, (High - Low) / 4) : (Tent(heights[cycle - 1]), Surprise);
        var variance = Math.Max(noise * noise, 1e-12);
        var (precision, sum) = (1 / (spread * spread), prior / (spread * spread));
        for (var t = Math.Max(0, cycle * Period - phase); t < origin; t++)
        {
            precision += Shape(t) * Shape(t) / variance;
            sum += Shape(t) * (Values[t] - Base(t)) / variance;
        }
        return (sum / precision, Math.Sqrt(1 / precision));
    }

    static IEnumerable<double> Quantiles(double[] values, IReadOnlyList<double> probabilities)
    {
        Array.Sort(values);
        foreach (var probability in probabilities)
        {
            var at = probability * (values.Length - 1);
            var below = (int)at;
            yield return below + 1 < values.Length ? values[below] + (at - below) * (values[below + 1] - values[below]) : values[below];
        }
    }
}

/// <summary>The kinds of generated series with classes.</summary>
public enum LabelledSeriesKind
{
    /// <summary>An event with one of three shapes and a random start and end: a step, a rise and a fall.</summary>
    CylinderBellFunnel,
}

/// <summary>Draws series of three classes, a classic task of series classification.</summary>
/// <remarks>
/// Saito 1994, section 5.5.2: (6 + η)·χ(t)·form(t) + ε(t), where the event lasts from a in [16, 32] to b, which is 32 to 96 later, of 128
/// steps. The form is 1 (cylinder), rises from 0 to 1 (bell), or falls from 1 to 0 (funnel); η and ε are standard normal.
/// </remarks>
public static class CylinderBellFunnel
{
    /// <summary>The number of steps of a series.</summary>
    public const int Length = 128;

    /// <summary>The names of the classes.</summary>
    public static IReadOnlyList<string> Classes { get; } = ["cylinder", "bell", "funnel"];

    /// <summary>Draws a series.</summary>
    /// <param name="seed">The seed of the set.</param>
    /// <param name="split">The number of the split; splits have different series.</param>
    /// <param name="index">The number of the series; its class is the remainder by 3.</param>
    public static double[] Draw(ulong seed, int split, int index)
    {
        var random = new SampleRandom(seed, 0x636266, (ulong)split, (ulong)index);
        var (a, size) = (random.Uniform(16, 32), 6 + random.Normal());
        var b = a + random.Uniform(32, 96);
        var values = new double[Length];
        for (var t = 0; t < Length; t++)
        {
            var form = (index % 3) switch { 0 => 1, 1 => (t - a) / (b - a), _ => (b - t) / (b - a) };
            values[t] = (t >= a && t <= b ? size * form : 0) + random.Normal();
        }
        return values;
    }
}
