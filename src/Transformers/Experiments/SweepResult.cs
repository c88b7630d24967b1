using Transformers.Reports.Plots;

namespace Transformers.Experiments;

/// <summary>One run of a sweep and its results.</summary>
public sealed record SweepRun
{
    /// <summary>States of a run.</summary>
    internal const string Finished = "finished", Diverged = "diverged", Pending = "pending";

    /// <summary>The value of each factor.</summary>
    public required IReadOnlyDictionary<string, string> Settings { get; init; }
    /// <summary>The seed.</summary>
    public required ulong Seed { get; init; }
    /// <summary>The folder.</summary>
    public required string Run { get; init; }
    /// <summary><c>finished</c>, <c>diverged</c> or <c>pending</c>.</summary>
    public required string State { get; init; }
    /// <summary>Steps trained.</summary>
    public long? Steps { get; init; }
    /// <summary>Seconds of training.</summary>
    public double? Seconds { get; init; }
    /// <summary>The number of parameters.</summary>
    public long? Parameters { get; init; }
    /// <summary>The results by name.</summary>
    public IReadOnlyDictionary<string, double> Results { get; init; } = new Dictionary<string, double>();

    internal static SweepRun Of(SweepPoint point, string state) => new() { Settings = point.Settings, Seed = point.Seed, Run = point.Folder, State = state };
}

/// <summary>The mean over the seeds of one point of the grid.</summary>
/// <param name="Settings">The value of each factor.</param>
/// <param name="Runs">Finished runs.</param>
/// <param name="Mean">The mean of the metric.</param>
/// <param name="Deviation">Its sample standard deviation; absent for a single run.</param>
/// <param name="Seconds">The mean training time, in seconds.</param>
public sealed record SweepMean(IReadOnlyDictionary<string, string> Settings, int Runs, double Mean, double? Deviation, double Seconds);

/// <summary>A power law through the points that differ only in the horizontal axis.</summary>
/// <param name="Settings">The values of the other factors.</param>
/// <param name="Quantity">The quantity that follows a + b·N^−α, such as <c>1 - top1</c>.</param>
/// <param name="A">The limit for large N; absent if there were too few different N, so that it was fixed at 0.</param>
/// <param name="B">The factor.</param>
/// <param name="Alpha">The exponent.</param>
/// <param name="Deviation">The standard deviation of the residuals.</param>
/// <param name="Runs">The number of runs in the fit.</param>
public sealed record SweepFit(IReadOnlyDictionary<string, string> Settings, string Quantity, Estimate? A, Estimate B, Estimate Alpha, double Deviation, int Runs);

/// <summary>Where the laws of two series cross.</summary>
/// <param name="First">One series.</param>
/// <param name="Second">The other.</param>
/// <param name="At">Where they cross, with the uncertainty; absent if the best laws do not cross.</param>
/// <param name="Measured">Whether that is within the range of the runs rather than extrapolated.</param>
/// <param name="Fraction">The fraction of the bootstrap's pairs of laws that cross, up to <paramref name="UpTo"/>.</param>
/// <param name="UpTo">The largest N considered: 1,000 times the largest N of the runs.</param>
public sealed record SweepCrossing(string First, string Second, Estimate? At, bool Measured, double Fraction, double UpTo);

/// <summary>The result of a sweep: <c>sweep.json</c>, and what <c>sweep --json</c> prints.</summary>
public sealed record SweepResult
{
    const double Extrapolation = 1000;

    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.sweep/1";
    /// <summary>The folder.</summary>
    public required string Output { get; init; }
    /// <summary>The factors' values, by name.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<string>> Factors { get; init; }
    /// <summary>The seeds of each point.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }
    /// <summary>The result by which points are compared; absent before the first run has finished.</summary>
    public string? Metric { get; init; }
    /// <summary>The split on which it was computed, if one was requested; otherwise it is from the run's last validation.</summary>
    public string? Split { get; init; }
    /// <summary>The factor on the horizontal axis; absent if no factor has numbers.</summary>
    public string? Across { get; init; }
    /// <summary>All runs.</summary>
    public required IReadOnlyList<SweepRun> Runs { get; init; }
    /// <summary>Means over seeds.</summary>
    public required IReadOnlyList<SweepMean> Means { get; init; }
    /// <summary>Power laws over the horizontal axis, if there are enough points.</summary>
    public required IReadOnlyList<SweepFit> Fits { get; init; }
    /// <summary>Where they cross.</summary>
    public required IReadOnlyList<SweepCrossing> Crossings { get; init; }
    /// <summary>The training time of all runs, in seconds.</summary>
    public required double Seconds { get; init; }
    /// <summary>Why it ended before its last run; absent if it did not.</summary>
    public string? Stopped { get; init; }

    /// <summary>The laws by the name of their series, for the figure.</summary>
    internal IReadOnlyDictionary<string, PowerLawFit> Laws { get; private init; } = new Dictionary<string, PowerLawFit>();

    internal static SweepResult Of(SweepPlan plan, SweepOptions options, string? metric, IReadOnlyList<SweepRun> runs, string? stopped)
    {
        var finished = runs.Where(run => metric is not null && run.Results.ContainsKey(metric)).ToList();
        var across = plan.Across?.Name;
        List<SweepMean> means = [.. finished.GroupBy(run => SeriesOf(run.Settings, null)).Select(group => MeanOf([.. group], metric!))];
        var (fits, laws) = (new List<SweepFit>(), new Dictionary<string, PowerLawFit>());
        foreach (var group in across is null ? [] : finished.GroupBy(run => SeriesOf(run.Settings, across)))
        {
            var error = new ErrorOf(metric!);
            // Each with its own random draws: with the same ones, two laws would be resampled up and down together.
            if (PowerLawFit.Of([.. group.Select(run => (SweepFactor.NumberOf(run.Settings[across!])!.Value, error.Of(run.Results[metric!])))], seed: (ulong)fits.Count + 1) is not { } fit) continue;
            laws[group.Key] = fit;
            fits.Add(new SweepFit(group.First().Settings.Where(one => one.Key != across).ToDictionary(), error.Name, fit.HasConstant ? fit.A : null, fit.B, fit.Alpha, fit.Deviation, fit.Points));
        }
        return new SweepResult
        {
            Output = plan.Output, Factors = plan.Factors.ToDictionary(factor => factor.Name, factor => (IReadOnlyList<string>)[.. factor.Values.Select(factor.Label)]),
            Seeds = plan.Seeds, Metric = metric, Split = options.Split, Across = across, Runs = runs, Means = means, Fits = fits, Laws = laws,
            Crossings = across is null ? [] : [.. CrossingsOf(laws, plan.Across!.Numbers!)], Seconds = runs.Sum(run => run.Seconds ?? 0), Stopped = stopped,
        };
    }

    static SweepMean MeanOf(IReadOnlyList<SweepRun> runs, string metric)
    {
        var values = runs.Select(run => run.Results[metric]).ToList();
        var mean = values.Average();
        return new SweepMean(runs[0].Settings, runs.Count, mean, runs.Count < 2 ? null : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (runs.Count - 1)), runs.Average(run => run.Seconds ?? 0));
    }

    static IEnumerable<SweepCrossing> CrossingsOf(IReadOnlyDictionary<string, PowerLawFit> laws, IReadOnlyList<double> numbers)
    {
        var names = laws.Keys.ToList();
        if (names.Count < 2) yield break;
        // A factor may have 0 among its values, where a law is infinite.
        var (from, largest) = (numbers.Where(number => number > 0).Min(), numbers.Max());
        for (var i = 0; i < names.Count; i++)
            for (var j = i + 1; j < names.Count; j++)
            {
                var (at, fraction) = PowerLawFit.Crossing(laws[names[i]], laws[names[j]], from, Extrapolation * largest);
                yield return new SweepCrossing(names[i], names[j], at, at is not null && at.Value <= largest, fraction, Extrapolation * largest);
            }
    }

    /// <summary>The name of the series that a run belongs to: the values of all factors but one.</summary>
    internal static string SeriesOf(IReadOnlyDictionary<string, string> settings, string? without) => string.Join(", ", settings.Where(one => one.Key != without).Select(one => one.Value));

    /// <summary>The table: a line for each run.</summary>
    public string ToCsv()
    {
        List<string> factors = [.. Factors.Keys], results = [.. Runs.SelectMany(run => run.Results.Keys).Distinct()];
        var csv = new StringBuilder();
        Line([.. factors, "seed", "state", "steps", "seconds", "parameters", .. results, "run"]);
        foreach (var run in Runs)
            Line([.. factors.Select(factor => run.Settings[factor]), Text(run.Seed), run.State, Text(run.Steps), Text(run.Seconds), Text(run.Parameters),
                .. results.Select(name => run.Results.TryGetValue(name, out var value) ? Text(value) : ""), run.Run]);
        return csv.ToString();

        void Line(IEnumerable<string> cells) => csv.Append(string.Join(',', cells.Select(Quoted))).Append('\n');
    }

    static string Text(IFormattable? number) => number?.ToString(null, CultureInfo.InvariantCulture) ?? "";

    static string Quoted(string cell) => cell.AsSpan().IndexOfAny(",\"\n\r") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"")}\"";
}

/// <summary>The error of a metric, which a power law describes. Accuracies become error rates; losses stay as they are.</summary>
/// <param name="metric">The metric's name.</param>
sealed class ErrorOf(string metric)
{
    // Higher is better: scores are from 0 to 100, rates from 0 to 1.
    double? Best => metric is "bleu" or "chrf" ? 100 : IsRate(metric[(metric.LastIndexOf('.') + 1)..]) ? 1 : null;

    static bool IsRate(string name) => name is "top1" or "top5" or "macro_f1" or "exact" || name.Contains("accuracy", StringComparison.Ordinal) || name.Contains("recall", StringComparison.Ordinal);

    internal string Name => Best is { } best ? $"{best} - {metric}" : metric;

    internal double Of(double value) => Best is { } best ? best - value : value;

    /// <summary>The metric of an error: the inverse.</summary>
    internal double Back(double error) => Of(error);
}

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
