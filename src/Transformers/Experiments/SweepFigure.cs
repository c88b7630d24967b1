using Transformers.Reports.Plots;

namespace Transformers.Experiments;

/// <summary>The figure of a sweep: means and standard deviations over the horizontal axis, and the fitted laws.</summary>
static class SweepFigure
{
    const int LawPoints = 100;

    /// <summary>The figure; null if no factor has numbers or no run has finished.</summary>
    internal static LineChart? Of(SweepPlan plan, SweepResult result)
    {
        if (result is not { Across: { } across, Metric: { } metric, Means.Count: > 0 }) return null;
        var numbers = plan.Across!.Numbers!;
        var (low, high) = (numbers.Min(), numbers.Max());
        var error = new ErrorOf(metric);
        var lines = new List<Series>();
        foreach (var (look, group) in result.Means.GroupBy(mean => SweepResult.SeriesOf(mean.Settings, across)).Index())
        {
            List<SweepMean> means = [.. group.OrderBy(mean => NumberOf(mean))];
            var law = result.Laws.GetValueOrDefault(group.Key);
            if (law is not null && low > 0)
                lines.Add(new Series("", [.. Enumerable.Range(0, LawPoints + 1).Select(i => low * Math.Pow(high / low, (double)i / LawPoints)).Select(n => (n, error.Back(law.Law.At(n))))], look));
            lines.Add(new Series(group.Key.Length > 0 ? group.Key : metric, [.. means.Select(mean => (NumberOf(mean), mean.Mean))], look, Dots: true)
            {
                Errors = [.. means.Select(mean => mean.Deviation ?? 0)], Joined = law is null,
            });
        }
        var of = result.Split is { } split ? $"{metric} ({split})" : metric;
        var seeds = result.Seeds.Count > 1 ? $", mean and standard deviation of {result.Seeds.Count} seeds" : "";
        // A logarithmic axis suits numbers that span a factor of eight or more.
        return new LineChart($"{of} by {across}{seeds}", across, of, lines) { LogAcross = low > 0 && high / low >= 8 };

        double NumberOf(SweepMean mean) => SweepFactor.NumberOf(mean.Settings[across])!.Value;
    }
}
