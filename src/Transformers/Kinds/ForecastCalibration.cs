using TorchSharp;
using Transformers.Data.Series;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Processes;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Calibrates a network's quantiles by the errors of others like it, each of which was trained without what it forecasts.</summary>
/// <remarks>
/// What a network has learned from says nothing of its errors on what comes next, and a short series has no years to spare for a split of
/// its own. So the network that is used learns from all of them, and its quantiles are moved by the errors of networks that learned from
/// fewer: its own are a little smaller, and its bands err on the wide side. See <see cref="QuantileCalibration"/>.
/// </remarks>
sealed class ForecastCalibration
{
    readonly RunConfig run;
    readonly TrainingOptions options;
    readonly ITrainingObserver observer;
    readonly StopRequest stop;
    readonly IReadOnlyList<(SeriesDataset Series, SeriesWindow[] Windows)> parts;

    /// <summary>Divides the training part.</summary>
    /// <exception cref="UserException">It is too short for that.</exception>
    internal ForecastCalibration(CalibrationConfig config, SeriesDataset series, RunConfig run, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        (this.run, this.options, this.observer, this.stop) = (run, options, observer, stop);
        var (data, network) = ((SeriesDataConfig)run.Data, (ForecasterConfig)run.Model);
        // The last window that is forecast ends with the training part.
        var end = series.TrainEnd - data.Horizon + 1;
        var needed = data.Context + data.Horizon + (long)config.Networks * config.Windows;
        if (end < needed)
            throw Refuse(FormattableString.Invariant($"takes {(long)config.Networks * config.Windows} windows from the end of training, and the first network is left with none: the training part has {series.TrainEnd} steps, and this needs {needed + data.Horizon - 1}"),
                "lower model.calibration.networks or model.calibration.windows, or data.context");
        parts = [.. Enumerable.Range(1, config.Networks).Select(number => series.EndingAt(end - (config.Networks - number + 1) * config.Windows))
            .Select(part => (part, part.Test.Where(window => window.Origin < part.TrainEnd + config.Windows).ToArray()))];
        var fewest = QuantileCalibration.FewestErrors(network.Quantiles);
        if (parts.Sum(part => part.Windows.Length) is var windows && windows < fewest)
            throw Refuse($"forecasts {windows} windows, and model.quantiles need {fewest}: with fewer, no error is as rare as they are", "raise model.calibration.windows");
        foreach (var (part, _) in parts) part.RequireTraining();

        static UserException Refuse(string message, string hint) => new([new Problem(message, Path: "model.calibration", Hint: hint)]);
    }

    /// <summary>Trains the networks and sets by how much the quantiles of another are moved.</summary>
    /// <param name="model">The other network.</param>
    /// <param name="processes">The processes that train together.</param>
    /// <param name="micro">How a step is cut into micro-batches.</param>
    /// <exception cref="OperationCanceledException">The run was asked to stop.</exception>
    internal void Apply(SeriesModel model, Communicator processes, MicroSize micro)
    {
        var (H, Q) = (model.Shape.Horizon, model.Quantiles.Count);
        var errors = new List<double>[H * Q];
        for (var i = 0; i < errors.Length; i++) errors[i] = [];
        foreach (var (number, (part, windows)) in parts.Index())
        {
            observer.Note($"calibration: network {number + 1} of {parts.Count} learns from what is before {part.Table.Time.LabelOf(part.TrainEnd)} and forecasts {windows.Length:N0} windows");
            AddErrors(errors, part, windows, processes, micro, number);
        }
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        var shifts = errors.Select((own, i) => own.Count == 0 ? 0 : (float)QuantileCalibration.ShiftOf(own, model.Quantiles[i % Q])).ToArray();
        model.Calibration!.copy_(tensor(shifts, [H, Q]));
    }

    // Trains a network on a part and adds its errors on the windows that follow: for each step and quantile, those that are known.
    void AddErrors(List<double>[] errors, SeriesDataset part, SeriesWindow[] windows, Communicator processes, MicroSize micro, int number)
    {
        using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
        var network = (ForecasterConfig)run.Model;
        var model = SeriesModel.Create(network, SeriesShape.Of((SeriesDataConfig)run.Data), generator).to(options.Device);
        using var task = new ForecastTask(model, part, run, options.Device) { Micro = micro };
        if (options.From is { } from) WarmStart.From(model, TrainedRun.Open(from), config: network);
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
        var (H, Q) = (model.Shape.Horizon, model.Quantiles.Count);
        foreach (var some in windows.Chunk(256))
        {
            using var scope = NewDisposeScope();
            var batch = part.Batch(some);
            // The network's own shifts are zeros.
            var forecast = SeriesRun.NumbersOf(model.Finish(SeriesRun.Forecast(model, batch, options.Device)));
            for (var i = 0; i < batch.Target.Length; i++)
                for (var q = 0; q < Q && batch.Known[i] > 0; q++) errors[i % H * Q + q].Add(batch.Target[i] - forecast[i * (1 + Q) + 1 + q]);
        }
    }

    sealed class Progress(ITrainingObserver observer, int number, int networks) : ITrainingObserver
    {
        public void OnStep(long step, long steps) => observer.OnPreparing("calibration", (number + (double)step / steps) / networks);

        public void Warn(string message) => observer.Warn(message);
    }
}
