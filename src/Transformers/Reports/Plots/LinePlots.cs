using Transformers.Configs;
using Transformers.Data.Series;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Reports.Plots;

/// <summary>The metrics of a run.</summary>
/// <param name="Name">Its name in legends.</param>
/// <param name="Events">Its <c>metrics.jsonl</c>.</param>
public sealed record RunCurve(string Name, IReadOnlyList<MetricsEvent> Events);

/// <summary>Training and validation losses over steps.</summary>
public static class LossPlot
{
    const int MostPoints = 1500;

    /// <summary>The training loss of a run, smoothed too if the run is long, and its validation loss.</summary>
    /// <exception cref="UserException">There are no losses.</exception>
    public static LineChart Of(RunCurve run)
    {
        var train = PointsOf(run, "train", "loss");
        var val = PointsOf(run, "val", "loss");
        if (train.Count + val.Count == 0) throw Empty(run.Name);
        var lines = new List<Series>();
        if (train.Count > 40)
        {
            lines.Add(new("train", train, 0, Faint: true));
            lines.Add(new("train, smoothed", Smoothed(train), 0));
        }
        else if (train.Count > 0) lines.Add(new("train", train, 0));
        if (val.Count > 0) lines.Add(new("validation", val, 1, Dots: val.Count <= 60));
        return new($"Loss of {run.Name}", "step", "loss (nats per target)", lines);
    }

    /// <summary>Several runs: the validation loss of each, or the training loss if a run has none.</summary>
    /// <exception cref="UserException">A run has no losses.</exception>
    public static LineChart Compare(IReadOnlyList<RunCurve> runs)
    {
        var lines = runs.Select((run, i) =>
        {
            var val = PointsOf(run, "val", "loss");
            var points = val.Count > 0 ? val : Smoothed(PointsOf(run, "train", "loss"));
            if (points.Count == 0) throw Empty(run.Name);
            return new Series(val.Count > 0 ? run.Name : $"{run.Name} (train)", points, i, Dots: points.Count <= 60);
        });
        return new("Loss", "step", "validation loss (nats per target)", [.. lines]);
    }

    /// <summary>A metric over steps, thinned to what a chart can show.</summary>
    public static LineChart Metric(RunCurve run, string split, string name, string title, string up) =>
        new(title, "step", up, [new("", PointsOf(run, split, name))]);

    /// <summary>Whether a run has a metric.</summary>
    public static bool Has(RunCurve run, string split, string name) => run.Events.Any(one => one.Split == split && one.Values.ContainsKey(name));

    static List<(double X, double Y)> PointsOf(RunCurve run, string split, string name)
    {
        var points = run.Events.Where(one => one.Split == split && one.Values.ContainsKey(name)).Select(one => ((double)one.Step, one.Values[name])).ToList();
        if (points.Count <= MostPoints) return points;
        var size = (points.Count + MostPoints - 1) / MostPoints;
        return [.. points.Chunk(size).Select(chunk => (chunk[^1].Item1, chunk.Average(point => point.Item2)))];
    }

    // The mean of equally many neighbours on both sides, about a fifteenth of the run in all, and fewer at its ends: a mean of
    // only earlier values would lag behind a falling loss.
    static List<(double X, double Y)> Smoothed(List<(double X, double Y)> points)
    {
        var smoothed = new List<(double, double)>();
        for (var i = 0; i < points.Count; i++)
        {
            var reach = Math.Min(points.Count / 30, Math.Min(i, points.Count - 1 - i));
            var near = points.GetRange(i - reach, 2 * reach + 1).Select(point => point.Y).Where(double.IsFinite).ToList();
            smoothed.Add((points[i].X, near.Count > 0 ? near.Average() : double.NaN));
        }
        return smoothed;
    }

    static UserException Empty(string name) => new($"{name} has no losses yet", "they are written every training.log.every steps");
}

/// <summary>The learning rate over the steps of a run.</summary>
public static class SchedulePlot
{
    /// <summary>The schedule of a config.</summary>
    /// <param name="config">A run's config.</param>
    public static LineChart Of(RunConfig config)
    {
        const int points = 1000;
        var training = config.Training;
        var schedule = new Schedule(training.Schedule, training.Optimizer.Lr, training.Steps, config.Model.Width);
        var stride = Math.Max(1, training.Steps / points);
        // The end of the warm-up is a corner, so it gets a point.
        var steps = Enumerable.Range(0, (training.Steps + stride - 1) / stride).Select(i => (long)i * stride + 1)
            .Append(training.Steps).Append(Math.Max(1, training.Schedule.Warmup)).Distinct().Order();
        return new($"Learning rate: {KindAttribute.Of(training.Schedule)}, warmup {training.Schedule.Warmup}", "step", "learning rate",
            [new Series("", [.. steps.Select(step => ((double)step, schedule.At(step)))])]);
    }
}

/// <summary>A forecast next to the actual values, with the band between its lowest and highest quantiles.</summary>
public static class ForecastPlot
{
    // More of the past would leave too little room for the forecast.
    const int MostHorizonsBefore = 4;

    /// <summary>The chart of one window.</summary>
    /// <param name="config">Context and horizon.</param>
    /// <param name="quantiles">The probabilities of the quantiles.</param>
    /// <param name="forecast">For each step, the mean and then the quantiles.</param>
    public static LineChart Of(SeriesDataset series, SeriesWindow window, SeriesDataConfig config, IReadOnlyList<double> quantiles, double[][] forecast)
    {
        var table = series.Table;
        var values = table.Values[window.Series];
        var start = Math.Max(0, window.Origin - Math.Min(config.Context, MostHorizonsBefore * config.Horizon));
        var end = Math.Min(values.Length, window.Origin + config.Horizon);
        var middle = Enumerable.Range(0, quantiles.Count).MinBy(q => Math.Abs(quantiles[q] - 0.5));
        var steps = Enumerable.Range(0, config.Horizon).ToList();
        var name = table.Names[window.Series];
        return new LineChart(
            $"Forecast of {name} from {table.Time.LabelOf(window.Origin)}", $"step ({table.Time.LabelOf(start)} to {table.Time.LabelOf(window.Origin + config.Horizon - 1)})", "value",
            [
                new Series("actual", [.. Enumerable.Range(start, end - start).Select(t => ((double)t, values[t]))]),
                new Series("forecast", [.. steps.Select(h => ((double)(window.Origin + h), forecast[h][1 + middle]))], Look: 1),
            ])
        {
            Bands = quantiles.Count < 2 ? [] :
            [
                new Band(string.Create(CultureInfo.InvariantCulture, $"{quantiles[0]} to {quantiles[^1]}"), [.. steps.Select(h => ((double)(window.Origin + h), forecast[h][1], forecast[h][^1]))], Look: 1),
            ],
        };
    }
}
