namespace Transformers.Runs.TensorBoard;

/// <summary>How values are distributed.</summary>
/// <param name="Minimum">The smallest value; 0 without any.</param>
/// <param name="Maximum">The largest value; 0 without any.</param>
/// <param name="Count">The number of values.</param>
/// <param name="Sum">Their sum.</param>
/// <param name="SumOfSquares">The sum of their squares.</param>
/// <param name="Limits">The upper limit of each bucket, ascending.</param>
/// <param name="Counts">The number of values in each bucket.</param>
public sealed record Histogram(double Minimum, double Maximum, long Count, double Sum, double SumOfSquares, IReadOnlyList<double> Limits, IReadOnlyList<double> Counts)
{
    /// <summary>Counts values in buckets of equal width; what is not finite is left out.</summary>
    /// <param name="values">The values.</param>
    /// <param name="buckets">The number of buckets.</param>
    public static Histogram Of(ReadOnlySpan<float> values, int buckets = 30)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(buckets, 1);
        var (minimum, maximum) = (double.PositiveInfinity, double.NegativeInfinity);
        double sum = 0, squares = 0;
        long count = 0;
        foreach (var value in values)
        {
            if (!float.IsFinite(value)) continue;
            minimum = Math.Min(minimum, value);
            maximum = Math.Max(maximum, value);
            sum += value;
            squares += (double)value * value;
            count++;
        }
        if (count == 0) return new(0, 0, 0, 0, 0, [0], [0]);
        var width = Math.Max(maximum - minimum, 1e-12) / buckets;
        var counts = new double[buckets];
        foreach (var value in values)
            if (float.IsFinite(value)) counts[Math.Min(buckets - 1, (int)((value - minimum) / width))]++;
        return new(minimum, maximum, count, sum, squares, [.. Enumerable.Range(1, buckets).Select(i => minimum + width * i)], counts);
    }
}
