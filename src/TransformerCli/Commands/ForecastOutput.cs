using System.CommandLine;
using System.Globalization;
using Transformers.Evaluation;
using Transformers.Kinds;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary>What <c>predict</c> prints for series: a line for each step that is forecast, as a table that other programs read.</summary>
static class ForecastOutput
{
    internal static int Write(CliContext context, ParseResult parse, TrainedRun run, IReadOnlyList<string> tables, Device device, Action<double> progress)
    {
        var forecasts = SeriesForecasts.Ahead(run, tables, device, progress);
        if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.forecast/1", Forecasts = forecasts });
        else
            foreach (var line in Lines(forecasts)) context.Out.WriteLine(line);
        return ExitCodes.Done;
    }

    static IEnumerable<string> Lines(IReadOnlyList<SeriesForecast> forecasts)
    {
        yield return string.Join(',', (string[])["input", "series", "time", "mean", .. forecasts[0].Steps[0].Quantiles.Select(quantile => Shown(quantile.Probability))]);
        foreach (var forecast in forecasts)
            foreach (var step in forecast.Steps)
                yield return string.Join(',', (string[])[Field(forecast.Input), Field(forecast.Series), Field(step.Time), Shown(step.Mean), .. step.Quantiles.Select(quantile => Shown(quantile.Value))]);
    }

    static string Shown(double value) => value.ToString("G7", CultureInfo.InvariantCulture);

    static string Field(string text) => text.AsSpan().ContainsAny(",\"\n") ? $"\"{text.Replace("\"", "\"\"")}\"" : text;
}
