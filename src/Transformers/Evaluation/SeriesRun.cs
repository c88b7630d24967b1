using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Series;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>A trained forecasting network.</summary>
public sealed class SeriesRun : IDisposable
{
    SeriesRun(TrainedRun run, SeriesModel model, Device device) => (Run, Model, Device) = (run, model, device);

    /// <summary>The run.</summary>
    public TrainedRun Run { get; }

    /// <summary>The network, in evaluation mode; the moving average of the weights, if there is one.</summary>
    public SeriesModel Model { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Loads the network of an open run.</summary>
    /// <exception cref="UserException">It is of a different kind, or damaged.</exception>
    public static SeriesRun Open(TrainedRun run, Device? device = null, Precision precision = Precision.Fp32)
    {
        var config = run.Require<ForecasterConfig>("a forecasting model (patchtst or series_decoder)");
        var data = run.Config.Data as SeriesDataConfig ?? throw new UserException("the run was not trained on series");
        device ??= NativeLibraries.Cpu;
        var model = run.Fill(SeriesModel.Create(config, SeriesShape.Of(data)).to(device));
        Precisions.Apply(model, Precisions.Resolve(precision, device));
        return new SeriesRun(run, model, device);
    }

    /// <summary>Opens the series that the run was trained on, or others.</summary>
    /// <param name="path">Another table; null for the config's own series.</param>
    /// <exception cref="UserException">They cannot be read.</exception>
    public SeriesDataset OpenSeries(string? path = null) => SeriesDataset.Open((SeriesDataConfig)Run.Config.Data, path);

    /// <summary>Forecasts windows, in the units of their series.</summary>
    /// <param name="batchSize">Windows per pass; it does not affect the results.</param>
    /// <returns>For each window, for each step, the mean and then the quantiles in ascending order.</returns>
    public IEnumerable<double[][]> Forecast(SeriesDataset series, IReadOnlyList<SeriesWindow> windows, int batchSize = 256)
    {
        foreach (var part in windows.Chunk(Math.Max(1, batchSize)))
            foreach (var forecast in ForecastPart(series.Batch(part))) yield return forecast;
    }

    double[][][] ForecastPart(SeriesBatch batch)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        return Restored(Model, Forecast(Model, batch, Device), batch, 0);
    }

    /// <summary>A network's output for a batch.</summary>
    /// <returns>[B, H, 1 + Q], normalised.</returns>
    internal static Tensor Forecast(SeriesModel model, SeriesBatch batch, Device device, AttentionRecorder? recorder = null)
    {
        var B = batch.Windows.Count;
        return model.Forecast(tensor(batch.Values, [B, batch.Context]).to(device), tensor(batch.Observed, [B, batch.Context]).to(device), recorder);
    }

    /// <summary>A network's output in the units of the series, its quantiles calibrated and in ascending order.</summary>
    /// <param name="model">The network.</param>
    /// <param name="forecast">[B, H, 1 + Q], normalised.</param>
    /// <param name="batch">The batch to which its rows belong.</param>
    /// <param name="first">The index in the batch of its first row.</param>
    internal static double[][][] Restored(SeriesModel model, Tensor forecast, SeriesBatch batch, int first)
    {
        var (B, H, outputs) = forecast.Dims3();
        var numbers = NumbersOf(model.Finish(forecast));
        var windows = new double[B][][];
        for (var row = 0; row < B; row++)
        {
            windows[row] = new double[H][];
            for (var h = 0; h < H; h++)
            {
                windows[row][h] = new double[outputs];
                for (var i = 0; i < outputs; i++) windows[row][h][i] = batch.Restore(first + row, numbers[(row * H + h) * outputs + i]);
            }
        }
        return windows;
    }

    /// <summary>The numbers of a tensor in 32 bits.</summary>
    internal static float[] NumbersOf(Tensor tensor) => tensor.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}

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
    /// <param name="tables">Files.</param>
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

/// <summary>A trained network that classifies series.</summary>
public sealed class SeriesClassifierRun : IDisposable
{
    const int BatchSize = 256;

    readonly SeriesClassifier model;
    readonly Device device;

    SeriesClassifierRun(SeriesClassifier model, LabelledSeriesDataConfig data, IReadOnlyList<string> classes, Device device) => (this.model, Data, Classes, this.device) = (model, data, classes, device);

    /// <summary>The network, in evaluation mode.</summary>
    public SeriesClassifier Model => model;

    /// <summary>The config of its data.</summary>
    public LabelledSeriesDataConfig Data { get; }

    /// <summary>The names of its classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Loads the network of an open run.</summary>
    /// <exception cref="UserException">It is of a different kind, or damaged.</exception>
    public static SeriesClassifierRun Open(TrainedRun run, Device? device = null, Precision precision = Precision.Fp32)
    {
        var config = run.Require<SeriesClassifierConfig>("a classifier of series");
        var (data, classes) = ((LabelledSeriesDataConfig)run.Config.Data, run.LoadClasses());
        device ??= NativeLibraries.Cpu;
        var model = run.Fill(new SeriesClassifier(config, data.Length, classes.Count).to(device));
        Precisions.Apply(model, Precisions.Resolve(precision, device));
        return new SeriesClassifierRun(model, data, classes, device);
    }

    /// <summary>The first step of each patch.</summary>
    internal IEnumerable<int> PatchSteps => model.PatchSteps;

    /// <summary>Scores of series.</summary>
    /// <param name="batch">B series.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <returns>B·N unnormalised scores.</returns>
    public float[] Scores(SeriesBatch batch, AttentionRecorder? recorder = null)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var B = batch.Windows.Count;
        return [.. model.Logits(tensor(batch.Values, [B, batch.Context]).to(device), tensor(batch.Observed, [B, batch.Context]).to(device), recorder).cpu().contiguous().data<float>()];
    }

    /// <summary>Predicts the classes of the rows of tables; the first column, the class, may be empty. A row that cannot be read has a problem instead of classes.</summary>
    /// <param name="tables">Files.</param>
    /// <param name="top">The number of classes to return for each.</param>
    /// <param name="progress">Receives the fraction done so far.</param>
    /// <exception cref="UserException">A table cannot be read.</exception>
    public IEnumerable<ClassPrediction> Predict(IEnumerable<string> tables, int top, Action<double>? progress = null)
    {
        var read = tables.Select(path => LabelledSeriesDataset.OpenTable(Data, path, labelled: false)).ToList();
        var parts = read.SelectMany(series => series.Test.Chunk(BatchSize).Select(part => (series, part)));
        foreach (var (series, part) in parts.Counted(read.Sum(series => series.Test.Length), progress, one => one.part.Length))
        {
            var scores = Scores(series.Batch(part));
            for (var row = 0; row < part.Length; row++)
                yield return series.ProblemOf(part[row]) is { } problem ? new(series.NameOf(part[row]), [], problem)
                    : new(series.NameOf(part[row]), LabelProbability.Top(Classes, scores.AsSpan(row * Classes.Count, Classes.Count), top));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
