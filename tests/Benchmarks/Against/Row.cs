namespace Benchmarks.Against;

/// <summary>A row of the comparison.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Unit">What is counted per second, or <c>s</c> for a time.</param>
/// <param name="Measure">Runs it once in a checkout.</param>
sealed record Row(string Name, string Unit, Func<Checkout, Measurement> Measure)
{
    /// <summary>The minimum ratio of this checkout's speed to the other's.</summary>
    internal double Bound { get; init; } = 0.97;

    /// <summary>The maximum ratio of peak memory; null if memory is not compared.</summary>
    internal double? MemoryBound { get; init; } = 1.05;

    /// <summary>The minimum ratio of this checkout's speed to that of plain TorchSharp; null if there is no plain code.</summary>
    internal double? PlainBound { get; init; }

    /// <summary>Runs the plain code once; null if there is none.</summary>
    internal Func<Checkout, Measurement>? MeasurePlain { get; init; }

    /// <summary>Whether the benchmark program of the checkouts runs it, and not their command line.</summary>
    internal bool NeedsBenchmarks { get; init; }

    /// <summary>The ratio of speeds of two values.</summary>
    internal double Ratio(double ours, double theirs) => Unit == "s" ? theirs / ours : ours / theirs;
}
