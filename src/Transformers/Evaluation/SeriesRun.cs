using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Series;
using Transformers.IO;
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
    /// <param name="series">The series.</param>
    /// <param name="windows">The windows.</param>
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
