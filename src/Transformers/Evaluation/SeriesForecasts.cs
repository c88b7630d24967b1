using Transformers.Configs;
using Transformers.Data.Series;
using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>The forecast of one series.</summary>
/// <param name="Input">The table.</param>
/// <param name="Series">The column's name.</param>
/// <param name="Steps">The steps after its last row.</param>
public sealed record SeriesForecast(string Input, string Series, IReadOnlyList<ForecastStep> Steps);

/// <summary>A step of a forecast.</summary>
/// <param name="Time">Its timestamp, or its number counted from the table's first row.</param>
/// <param name="Mean">The forecast of the mean.</param>
/// <param name="Quantiles">The forecasts of the quantiles.</param>
public sealed record ForecastStep(string Time, double Mean, IReadOnlyList<ForecastQuantile> Quantiles);

/// <summary>A quantile of a forecast.</summary>
/// <param name="Probability">The probability that the value is below it.</param>
/// <param name="Value">The quantile.</param>
public sealed record ForecastQuantile(double Probability, double Value);

/// <summary>Forecasts the steps after the end of tables.</summary>
public static class SeriesForecasts
{
    /// <summary>Forecasts the steps after the last row of each table.</summary>
    /// <param name="run">The run.</param>
    /// <param name="tables">Files.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="reads">Receives the problem of each table, or null if it can be read; by default, the first problem is thrown.</param>
    /// <param name="progress">Receives the fraction done so far, after each table.</param>
    /// <exception cref="UserException">A table does not exist.</exception>
    public static IReadOnlyList<SeriesForecast> Ahead(TrainedRun run, IReadOnlyList<string> tables, Device device, Func<Problem?, bool>? reads = null, Action<double>? progress = null)
    {
        // Checked first, so that a typing error in the last does not waste the work on the others.
        if (tables.FirstOrDefault(path => !Path.Exists(path)) is { } missing) throw new UserException([new Problem("the file does not exist", missing, Hint: Suggestion.ForPath(missing))]);
        using var network = SeriesRun.Open(run, device, run.Config.Training.Precision);
        var forecasts = new List<SeriesForecast>();
        foreach (var path in tables.Counted(tables.Count, progress))
        {
            try
            {
                forecasts.AddRange(Ahead(network, path));
                reads?.Invoke(null);
            }
            catch (UserException exception) when (reads is not null)
            {
                reads(exception.Problems[0]);
            }
        }
        return forecasts;
    }

    static IReadOnlyList<SeriesForecast> Ahead(SeriesRun network, string path)
    {
        var series = network.OpenSeries(path);
        var windows = series.Ahead();
        if (windows.Count == 0)
            throw new UserException([new Problem($"no series has two values in the last {network.Model.Shape.Context} steps, which the model sees", path)]);
        return [.. windows.Zip(network.Forecast(series, windows), (window, steps) => new SeriesForecast(path, series.Table.Names[window.Series], [.. steps.Select((step, h) => new ForecastStep(
            series.Table.Time.LabelOf((long)window.Origin + h), step[0], [.. network.Model.Quantiles.Select((probability, q) => new ForecastQuantile(probability, step[1 + q]))]))]))];
    }
}
