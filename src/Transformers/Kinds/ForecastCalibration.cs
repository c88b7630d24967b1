using TorchSharp;
using Transformers.Data.Series;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Processes;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Calibrates the bands between a network's quantiles with the errors of similar networks, each on steps that it was not trained on.</summary>
/// <remarks>
/// A network's errors on its training data do not show how large its errors on later data will be, and a short series is too short for a
/// calibration split. So the final network is trained on all of the training data, and its bands get the width that the errors of networks
/// trained on less data require. Its own errors should be slightly smaller, so the bands tend to be too wide rather than too narrow.
/// This effect grows as the networks get less data, which is why each has at least half of the windows.
/// See <see cref="QuantileCalibration"/>.
/// </remarks>
sealed class ForecastCalibration
{
    readonly RunConfig run;
    readonly TrainingOptions options;
    readonly ITrainingObserver observer;
    readonly StopRequest stop;
    readonly IReadOnlyList<(SeriesDataset Series, SeriesWindow[] Windows)> parts;
    readonly IReadOnlyList<(int Low, int High, double Probability)> bands;

    /// <summary>Divides the training steps.</summary>
    /// <exception cref="UserException">There are too few of them.</exception>
    internal ForecastCalibration(CalibrationConfig config, SeriesDataset series, RunConfig run, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        (this.run, this.options, this.observer, this.stop) = (run, options, observer, stop);
        var (data, network) = ((SeriesDataConfig)run.Data, (ForecasterConfig)run.Model);
        // The last window that is forecast ends with the training part.
        var end = series.TrainEnd - data.Horizon + 1;
        var latest = series.EndingAt(end - config.Windows);
        if (!HasHalf(latest))
            throw Refuse(FormattableString.Invariant($"takes {config.Windows:N0} windows from the end of every series, which leaves its network {latest.Train.Length:N0} of the {series.Train.Length:N0} training windows: it needs at least half"),
                "lower model.calibration.windows, data.context or data.horizon, or use longer series");
        parts = [.. Enumerable.Range(1, config.Networks).Select(number => series.EndingAt(end - number * config.Windows)).TakeWhile(HasHalf).Reverse()
            .Select(part => (part, part.Test.Where(window => window.Origin < part.TrainEnd + config.Windows).ToArray()))];
        if (parts.Count < config.Networks) observer.Note($"calibration: {parts.Count} of at most {config.Networks} networks have at least half of the training windows");
        bands = [.. QuantileCalibration.BandsOf(network.Quantiles)];
        if (bands.Count == 0) throw Refuse("needs model.quantiles with a band, from a lower to a higher one", "for example model.quantiles=[0.1, 0.5, 0.9]");
        var fewest = QuantileCalibration.FewestDistances(bands[0].Probability);
        if (parts.Sum(part => part.Windows.Length) is var windows && windows < fewest)
            throw Refuse($"forecasts {windows} windows, but the widest band of model.quantiles needs at least {fewest}: with fewer, its ends cannot be estimated", "raise model.calibration.windows");

        bool HasHalf(SeriesDataset part) => 2L * part.Train.Length >= series.Train.Length;

        static UserException Refuse(string message, string hint) => new([new Problem(message, Path: "model.calibration", Hint: hint)]);
    }

    /// <summary>Trains the networks, and sets how far the quantiles of another network are moved.</summary>
    /// <param name="model">The network to calibrate.</param>
    /// <param name="processes">The processes that train together.</param>
    /// <param name="micro">How a step is divided into micro-batches.</param>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    internal void Apply(SeriesModel model, Communicator processes, MicroSize micro)
    {
        var (H, Q) = (model.Shape.Horizon, model.Quantiles.Count);
        var distances = new List<double>[H, bands.Count];
        for (var i = 0; i < distances.Length; i++) distances[i / bands.Count, i % bands.Count] = [];
        foreach (var (number, (part, windows)) in parts.Index())
        {
            observer.Note($"calibration: network {number + 1} of {parts.Count} is trained on the steps before {part.Table.Time.LabelOf(part.TrainEnd)} and forecasts {Amount.Of(windows.Length, "window")}");
            AddDistances(distances, part, windows, processes, micro, number);
        }
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        var shifts = new float[H, Q];
        for (var h = 0; h < H; h++)
            foreach (var (b, (low, high, probability)) in bands.Index())
                if (distances[h, b].Count > 0) shifts[h, low] = -(shifts[h, high] = (float)QuantileCalibration.ShiftOf(distances[h, b], probability));
        model.Calibration!.copy_(tensor(shifts));
    }

    // Trains a network on a part. Adds, for each step and band, the distances of the known values in the following windows from the band.
    void AddDistances(List<double>[,] distances, SeriesDataset part, SeriesWindow[] windows, Communicator processes, MicroSize micro, int number)
    {
        using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
        var network = (ForecasterConfig)run.Model;
        var model = SeriesModel.Create(network, SeriesShape.Of((SeriesDataConfig)run.Data), generator).to(options.Device);
        using var task = new ForecastTask(model, part, run, options.Device) { Micro = micro };
        if (options.TakenFrom is { } from) WarmStart.From(model, TrainedRun.Open(from), config: run);
        // The other run's shifts are for its own errors.
        using (no_grad()) model.Calibration!.zero_();
        if (run.Training.Freeze is { } patterns) WarmStart.Freeze(model, patterns);
        var config = run.Training;
        using var trainer = new Trainer(task, config, SeedStreams.Of(run.Seed, "dropout"), network.Width, Precisions.Resolve(config.Precision, options.Device), options.Device, outputs: null,
            new Progress(observer, number, parts.Count), stop, processes);
        trainer.Share();
        trainer.Run(config.Steps);
        if (trainer.State.Step < config.Steps) throw new OperationCanceledException();
        using var averaged = trainer.SwapAverage();
        using var inference = no_grad();
        model.eval();
        var (H, outputs) = (model.Shape.Horizon, 1 + model.Quantiles.Count);
        foreach (var some in windows.Chunk(256))
        {
            using var scope = NewDisposeScope();
            var batch = part.Batch(some);
            // This network's own shifts are zero.
            var forecast = SeriesRun.NumbersOf(model.Finish(SeriesRun.Forecast(model, batch, options.Device)));
            for (var i = 0; i < batch.Target.Length; i++)
                for (var b = 0; b < bands.Count && batch.Known[i] > 0; b++)
                    distances[i % H, b].Add(Math.Max(forecast[i * outputs + 1 + bands[b].Low] - batch.Target[i], batch.Target[i] - forecast[i * outputs + 1 + bands[b].High]));
        }
    }

    sealed class Progress(ITrainingObserver observer, int number, int networks) : ITrainingObserver
    {
        public void OnStep(long step, long steps) => observer.OnPreparing("calibration", (number + (double)step / steps) / networks);

        public void Warn(string message) => observer.Warn(message);
    }
}
