using Transformers.Data.Series;
using Transformers.Metrics;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Baseline forecasts, to which every evaluation is compared.</summary>
public static class SeriesBaselines
{
    /// <summary>The last value, for all steps.</summary>
    /// <param name="config">Context, horizon and season.</param>
    /// <returns>A value for each step.</returns>
    public static double[] Naive(SeriesDataset series, SeriesWindow window, SeriesDataConfig config) => Repeated(series.Table.Values[window.Series], window.Origin, config.Horizon, 1, config.Context);

    /// <summary>The last season, repeated.</summary>
    /// <inheritdoc cref="Naive"/>
    public static double[] SeasonalNaive(SeriesDataset series, SeriesWindow window, SeriesDataConfig config) =>
        Repeated(series.Table.Values[window.Series], window.Origin, config.Horizon, config.Season, Math.Max(config.Context, config.Season));

    // A missing value is replaced by that of the previous season or, if there is none, by the mean of the known values.
    static double[] Repeated(double[] values, int origin, int horizon, int season, int context)
    {
        var start = Math.Max(0, origin - context);
        var mean = Enumerable.Range(start, origin - start).Select(t => values[t]).Where(value => !double.IsNaN(value)).Average();
        return [.. Enumerable.Range(0, horizon).Select(h =>
        {
            for (var t = origin - season + h % season; t >= start; t -= season)
                if (!double.IsNaN(values[t])) return values[t];
            return mean;
        })];
    }
}

/// <summary>A linear forecast of each step from all values of the context: ridge regression over the training windows, normalised like the network's.</summary>
/// <remarks>Zeng et al. 2023 show that such forecasts are hard to beat.</remarks>
public sealed class LinearForecaster
{
    const int MostWindows = 20_000, FewestWindows = 5;

    // With this many unknowns for each step, solving for them takes seconds; ten times as many would take hours.
    const int MostInputs = 2_000;

    // Relative to the mean of the diagonal; the one with the lowest error on the last fifth of the training windows is used.
    static readonly double[] Strengths = [1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

    readonly double[] weights;
    readonly int inputs;

    LinearForecaster(double[] weights, int inputs) => (this.weights, this.inputs) = (weights, inputs);

    /// <summary>Fits the forecaster.</summary>
    /// <returns>The forecaster; null if there are too few complete training windows, or their context is too long.</returns>
    public static LinearForecaster? Fit(SeriesDataset series)
    {
        if (!CanFit(series)) return null;
        var windows = Evenly(series.Train);
        using var scope = NewDisposeScope();
        var batch = series.Batch([.. windows.OrderBy(window => window.Origin)]);
        int[] whole = [.. Enumerable.Range(0, windows.Count).Where(row => !batch.Known.AsSpan(row * batch.Horizon, batch.Horizon).Contains(0f))];
        var rows = tensor(Array.ConvertAll(whole, row => (long)row));
        var x = tensor(batch.Values, [windows.Count, batch.Context]).index_select(0, rows).to(ScalarType.Float64);
        x = cat([x, ones([whole.Length, 1], ScalarType.Float64)], 1);                                            // [n, L + 1]
        var y = tensor(batch.Target, [windows.Count, batch.Horizon]).index_select(0, rows).to(ScalarType.Float64);   // [n, H]
        long early = whole.Length * 4 / 5, late = whole.Length - early;
        var best = Strengths.MinBy(strength =>
            (x.narrow(0, early, late).mm(Solve(x.narrow(0, 0, early), y.narrow(0, 0, early), strength)) - y.narrow(0, early, late)).abs().mean().item<double>());
        return new LinearForecaster(Solve(x, y, best).contiguous().data<double>().ToArray(), batch.Context + 1);
    }

    /// <summary>Whether the forecaster can be fitted.</summary>
    internal static bool CanFit(SeriesDataset series) => series.Batch([]).Context <= MostInputs
        && Evenly(series.Train).Where(window => !series.Batch([window]).Known.Contains(0f)).Take(FewestWindows).Count() == FewestWindows;

    static Tensor Solve(Tensor x, Tensor y, double strength)
    {
        var square = x.t().mm(x);
        var ridge = eye(square.size(0), dtype: ScalarType.Float64) * Scalars.Of(strength * square.trace().item<double>() / square.size(0));
        return linalg.solve(square.Plus(ridge), x.t().mm(y));                                                       // [L + 1, H]
    }

    static IReadOnlyList<SeriesWindow> Evenly(SeriesWindow[] windows) => windows.Length <= MostWindows ? windows
        : [.. Enumerable.Range(0, MostWindows).Select(i => windows[(int)((long)i * windows.Length / MostWindows)])];

    /// <summary>Forecasts a window.</summary>
    /// <returns>A value for each step, in the units of the series.</returns>
    public double[] Forecast(SeriesBatch batch, int row)
    {
        var forecast = new double[batch.Horizon];
        for (var h = 0; h < forecast.Length; h++)
        {
            var sum = weights[(inputs - 1) * batch.Horizon + h];
            for (var i = 0; i < batch.Context; i++) sum += batch.Values[row * batch.Context + i] * weights[i * batch.Horizon + h];
            forecast[h] = batch.Restore(row, sum);
        }
        return forecast;
    }
}

/// <summary>Scores the forecasts for a split, together with the baselines and, for generated series, the best possible forecast.</summary>
public static class SeriesComparison
{
    static readonly string[] Own = ["mae", "mse", "mase", "quantile_loss"];
    static readonly string[] Points = ["naive_", "seasonal_naive_", "linear_"];

    /// <summary>The names of all scores.</summary>
    /// <param name="quantiles">The number of the network's quantiles.</param>
    public static IReadOnlyList<string> Names(SeriesDataset series, int quantiles)
    {
        var (linear, scaled) = (LinearForecaster.CanFit(series), Enumerable.Range(0, series.Table.Values.Count).Any(number => double.IsFinite(series.ScaleOf(number))));
        return [.. Names(series.Generators is not null, quantiles).Where(name => (linear || !name.StartsWith(Points[2], StringComparison.Ordinal)) && (scaled || !name.EndsWith("mase", StringComparison.Ordinal)))];
    }

    /// <summary>The names of all scores of series for which every forecast exists.</summary>
    /// <param name="generated">Whether the best possible forecasts of the series are known.</param>
    /// <param name="quantiles">The number of the network's quantiles.</param>
    internal static IReadOnlyList<string> Names(bool generated, int quantiles) =>
        [.. AllNames.Where(name => (generated || !name.StartsWith("best_", StringComparison.Ordinal)) && (quantiles > 1 || !name.EndsWith("coverage", StringComparison.Ordinal)))];

    /// <summary>The names of the scores that exist for any series.</summary>
    public static IReadOnlyList<string> AllNames { get; } = [.. Own, "coverage", .. Points.SelectMany(prefix => Own.Select(name => prefix + name)), .. Own.Select(name => "best_" + name), "best_coverage"];

    /// <summary>The network's own scores.</summary>
    internal static IReadOnlyDictionary<string, double> OfNetwork(SeriesDataset series, IReadOnlyList<SeriesWindow> windows, IReadOnlyList<double> quantiles, IEnumerable<double[][]> forecasts)
    {
        var scores = new ForecastScores(quantiles);
        foreach (var (window, forecast) in windows.Zip(forecasts)) AddTo(scores, series, window, forecast);
        return scores.Named().ToDictionary();
    }

    static void AddTo(ForecastScores scores, SeriesDataset series, SeriesWindow window, double[][] steps)
    {
        var values = series.Table.Values[window.Series];
        for (var h = 0; h < steps.Length; h++) scores.Add(values[window.Origin + h], steps[h][0], steps[h].AsSpan(1), series.ScaleOf(window.Series));
    }

    /// <summary>The scores by name: the network's, then each baseline's, prefixed with its name.</summary>
    /// <param name="windows">The windows of a split.</param>
    /// <param name="config">The data's config.</param>
    /// <param name="quantiles">The network's quantiles.</param>
    /// <param name="forecasts">The network's forecasts, one per window, in order.</param>
    /// <param name="cancel">Cancels between two windows.</param>
    public static IReadOnlyDictionary<string, double> Of(SeriesDataset series, IReadOnlyList<SeriesWindow> windows, SeriesDataConfig config, IReadOnlyList<double> quantiles, IEnumerable<double[][]> forecasts, CancellationToken cancel = default)
    {
        var scores = new Dictionary<string, ForecastScores>();
        var linear = LinearForecaster.Fit(series);
        foreach (var (window, forecast) in windows.Zip(forecasts))
        {
            cancel.ThrowIfCancellationRequested();
            Add("", forecast);
            AddPoints(Points[0], SeriesBaselines.Naive(series, window, config));
            AddPoints(Points[1], SeriesBaselines.SeasonalNaive(series, window, config));
            if (linear is not null) AddPoints(Points[2], linear.Forecast(series.Batch([window]), 0));
            if (series.Generators is { } generators) Add("best_", generators[window.Series].BestForecast(window.Origin, config.Horizon, quantiles));

            void AddPoints(string name, double[] points) => Add(name, Array.ConvertAll(points, point => (double[])[point]));

            void Add(string name, double[][] steps)
            {
                if (!scores.TryGetValue(name, out var score)) scores[name] = score = new ForecastScores(quantiles);
                AddTo(score, series, window, steps);
            }
        }
        return scores.SelectMany(named => named.Value.Named(named.Key, band: named.Key is "" or "best_")).ToDictionary();
    }
}
