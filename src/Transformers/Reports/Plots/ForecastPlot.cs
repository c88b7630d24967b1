using System.Globalization;
using Transformers.Data.Series;

namespace Transformers.Reports.Plots;

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
