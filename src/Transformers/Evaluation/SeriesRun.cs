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
        var B = batch.Windows.Count;
        var forecast = Model.Forecast(tensor(batch.Values, [B, batch.Context]).to(Device), tensor(batch.Observed, [B, batch.Context]).to(Device));
        return Restored(forecast, batch, 0);
    }

    /// <summary>A network's output in the units of the series.</summary>
    /// <param name="forecast">[B, H, 1 + Q], normalised.</param>
    /// <param name="batch">The batch that its rows belong to.</param>
    /// <param name="first">The index in the batch of its first row.</param>
    internal static double[][][] Restored(Tensor forecast, SeriesBatch batch, int first)
    {
        var (B, H, outputs) = forecast.Dims3();
        var numbers = forecast.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        var windows = new double[B][][];
        for (var row = 0; row < B; row++)
        {
            windows[row] = new double[H][];
            for (var h = 0; h < H; h++)
            {
                var step = new double[outputs];
                for (var i = 0; i < outputs; i++) step[i] = batch.Restore(first + row, numbers[(row * H + h) * outputs + i]);
                // Quantiles may cross; sorting them is at least as good (Chernozhukov et al. 2010).
                Array.Sort(step, 1, (int)outputs - 1);
                windows[row][h] = step;
            }
        }
        return windows;
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}
