namespace Benchmarks.Against;

static class Statistics
{
    /// <summary>The middle value, or the mean of the two middle values.</summary>
    internal static double Median(IReadOnlyCollection<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
