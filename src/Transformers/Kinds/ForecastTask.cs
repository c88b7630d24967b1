using TorchSharp;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Forecasts series.</summary>
/// <remarks>A training step draws windows at random, each series in proportion to its length; validation uses the windows of its split in order.</remarks>
sealed class ForecastTask : StreamTask<SeriesBatch>
{
    readonly SeriesModel model;
    readonly SeriesDataset series;
    readonly SeriesDataConfig data;
    readonly ModelFlops flops;
    readonly ulong seed;
    readonly int batchSize, patches;
    readonly Prefetcher<SeriesBatch> batches;
    // The forecast of each window of the last validation; null for those that another process makes.
    List<double[][]?> validated = [];

    /// <summary>Creates a task on time series.</summary>
    public ForecastTask(SeriesModel model, SeriesDataset series, RunConfig run, Device device) : base(model, run, device)
    {
        (this.model, this.series, data) = (model, series, (SeriesDataConfig)run.Data);
        flops = ModelFlops.OfTokens(run.Model, vocabulary: 0);
        seed = SeedStreams.Of(run.Seed, "batches");
        batchSize = run.Training.Batch.RowsOf("series");
        patches = ((SeriesModelConfig)run.Model).PatchesOf(data.Context);
        batches = new Prefetcher<SeriesBatch>(Draw, Math.Max(1, series.Train.Length / batchSize));
    }

    /// <summary>Opens the series and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig run, SeriesDataConfig data, ForecasterConfig network, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var series = SeriesDataset.Open(data);
        series.RequireTraining();
        var table = series.Table;
        var missing = table.Values.Sum(values => values.LongCount(double.IsNaN));
        observer.Note($"{table.Values.Count:N0} series of {Amount.Of(table.Length, "step")}: {series.Train.Length:N0} training, {series.Validation.Length:N0} validation and {Amount.Of(series.Test.Length, "test window")}{(missing > 0 ? $"; {Amount.Of(missing, "value is", "values are")} missing" : "")}");
        foreach (var warning in table.Warnings) observer.Warn(warning);
        if (run.Training.LabelSmoothing > 0) observer.Warn(FormattableString.Invariant($"training.label_smoothing ({run.Training.LabelSmoothing}) changes nothing: a forecast's target is a number"));
        // Before the task, whose batches are prefetched from the start: a calibration may be refused.
        var calibration = network.Calibration is { } config ? new ForecastCalibration(config, series, run, options, observer, stop) : null;
        using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
        var model = SeriesModel.Create(network, SeriesShape.Of(data), generator).to(options.Device);
        return new TaskSetup
        {
            Task = new ForecastTask(model, series, run, options.Device) { Calibration = calibration },
            UnitsOf = targets => (double)targets / data.Horizon * network.PatchesOf(data.Context),
            Files = new Dictionary<string, byte[]>(),
            // The preprocessing depends on the config alone.
            FilesHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{data.Context} {data.Horizon} {data.Season}")))),
        };
    }

    SeriesBatch Draw(DataPosition position)
    {
        var random = new SampleRandom(seed, 0x77696E646F77, (ulong)position.Epoch, (ulong)position.Next);
        var windows = new SeriesWindow[batchSize];
        for (var i = 0; i < windows.Length; i++) windows[i] = series.Train[random.Next(series.Train.Length)];
        return series.Batch(windows);
    }

    /// <summary>Calibrates the quantiles; null if they are not calibrated.</summary>
    internal ForecastCalibration? Calibration { get; init; }

    public override void Begin() => Calibration?.Apply(model, Processes, Micro);

    protected override IBatchStream<SeriesBatch> Stream => batches;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = batches.Next();
        return Slices(batch.Windows.Count, (first, rows) => new Rows(this, batch, first, rows));
    }

    public override IEnumerable<MicroBatch> Validation(int? count)
    {
        validated = [];
        if (count == 0) yield break;
        foreach (var part in series.Validation.Chunk(Math.Max(Micro.Of(batchSize), 64)).Take(count ?? int.MaxValue))
        {
            var at = validated.Count;
            validated.AddRange(Enumerable.Repeat<double[][]?>(null, part.Length));
            yield return new Rows(this, series.Batch(part), 0, part.Length, at);
        }
    }

    public override bool HasValidation => series.Validation.Length > 0;

    public override IReadOnlyList<string> MetricNames => SeriesComparison.Names(series, model.Quantiles.Count);

    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        if (validated.Count == 0) return new Dictionary<string, double>();
        var windows = series.Validation[..validated.Count];
        CollectForecasts();
        return whole ? SeriesComparison.Of(series, windows, data, model.Quantiles, validated!, cancel) : SeriesComparison.OfNetwork(series, windows, model.Quantiles, validated!);
    }

    // Each number was computed by one process; the others add zeros.
    void CollectForecasts()
    {
        if (Processes.IsAlone) return;
        var (H, outputs) = (model.Shape.Horizon, 1 + model.Quantiles.Count);
        var numbers = new double[validated.Count * H * outputs];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = validated[i / outputs / H]?[i / outputs % H][i % outputs] ?? 0;
        Processes.AllReduce(numbers.AsSpan());
        validated = [.. numbers.Chunk(outputs).Chunk(H)];
    }

    public override IReadOnlyList<ModelPicture> Pictures() => validated is not [.., { } last] ? []
        : [new("forecast", ForecastPlot.Of(series, series.Validation[validated.Count - 1], data, model.Quantiles, last).ToSvg())];

    public override void Dispose()
    {
        base.Dispose();
        model.Dispose();
    }

    /// <summary>Some windows of a batch; the targets are the steps with known values.</summary>
    sealed class Rows(ForecastTask task, SeriesBatch batch, int first, int rows, int? validatedAt = null)
        : MicroBatch((long)batch.Known.AsSpan(first * batch.Horizon, rows * batch.Horizon).ToArray().Sum(), (long)rows * task.patches, first)
    {
        public override double Flops => task.flops.Of(new(rows, task.patches, batch.Horizon, Targets, Units));

        public override LossSum LossSum(RandomPosition random)
        {
            var (loss, forecast) = task.model.Loss(Part(batch.Values, batch.Context), Part(batch.Observed, batch.Context), Part(batch.Target, batch.Horizon), Part(batch.Known, batch.Horizon), random);
            if (validatedAt is { } at)
                foreach (var (i, window) in SeriesRun.Restored(task.model, forecast, batch, first).Index()) task.validated[at + i] = window;
            return loss;
        }

        // The rows' part of the batch's values for each window, [rows, each].
        Tensor Part(float[] all, int each) => tensor(all[(first * each)..((first + rows) * each)], [rows, each]).SendTo(task.Device);
    }
}
