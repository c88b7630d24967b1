using TorchSharp;
using Transformers.Data.Series;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.Onnx;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A kind of model that forecasts time series.</summary>
abstract class SeriesKind<TModel> : Kind<TModel, SeriesDataConfig> where TModel : ForecasterConfig
{
    public sealed override ModelInput Input => ModelInput.Series;

    protected sealed override TaskSetup CreateTask(RunConfig run, SeriesDataConfig data, TModel model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        ForecastTask.Prepare(run, data, model, options, observer, stop);

    public sealed override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw EncoderKind.NoDecoder(run);
        PredictionFile.Refuse(options, "predict writes forecasts");
        using var network = SeriesRun.Open(run, options.Device, options.Precision);
        var series = network.OpenSeries(options.Data);
        var (split, windows) = series.Split(options.Split);
        var size = options.BatchSize ?? 256;
        var forecasts = options.Processes.DivideStream(windows.Chunk(size), part => network.Forecast(series, part, size).ToList()).SelectMany(part => part).Counted(windows.Length, options.Progress);
        return new EvaluationResult
        {
            Run = name,
            Checkpoint = run.Checkpoint.Step,
            Split = split,
            Examples = windows.Length,
            Metrics = SeriesComparison.Of(series, windows, (SeriesDataConfig)run.Config.Data, network.Model.Quantiles, forecasts, cancel),
        };
    }

    protected sealed override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        NativeLibraries.Load();
        using var network = SeriesRun.Open(run);
        var weights = OnnxExport.WeightsOf(network.Model, request);
        var shape = network.Model.Shape;
        return OnnxExport.Write(run, request, weights, new() { Kind = NameOf(run), Task = "forecast", Series = new(shape.Context, shape.Horizon, network.Model.Quantiles) },
            ("model.onnx", BuildOnnx((TModel)run.Config.Model, network.Model, weights)));
    }

    /// <summary>The network as an ONNX graph.</summary>
    private protected abstract OnnxGraph BuildOnnx(TModel config, SeriesModel model, OnnxWeights weights);

    public sealed override IReadOnlyList<string> EvaluationMetrics(TrainedRun run) =>
        SeriesComparison.Names(((SeriesDataConfig)run.Config.Data).Source is GeneratedSeriesConfig, ((TModel)run.Config.Model).Quantiles.Count);

    internal sealed override void CheckSplit(RunConfig run, string split)
    {
        var data = (SeriesDataConfig)run.Data;
        if (split is not ("train" or "validation" or "test") || (split == "test" && data.Test == 0) || (split == "validation" && data.Validation == 0))
            throw new UserException($"--split ({split}): the series have no such split", "data.test and data.validation set how many steps at the end are held out");
    }

    public sealed override Picture DrawForecast(TrainedRun run, string? path, string? name, Device device)
    {
        NativeLibraries.Load();
        using var network = SeriesRun.Open(run, device);
        var (series, window) = WindowOf(network, path, name);
        return ForecastPlot.Of(series, window, (SeriesDataConfig)run.Config.Data, network.Model.Quantiles, network.Forecast(series, [window]).First()).Draw();
    }

    public sealed override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        using var network = SeriesRun.Open(run, device);
        var (series, window) = WindowOf(network, subject.Table, subject.Series);
        var (time, first, patches) = (series.Table.Time, window.Origin - network.Model.Shape.Context, network.Model.PatchSteps);
        return AttentionPlot.Of([.. patches.Select(step => time.LabelOf(first + step))],
            recorder => SeriesRun.Forecast(network.Model, series.Batch([window]), device, recorder), subject.Choice).Draw();
    }

    // The last held-out window; for a table given by name, the steps after its end.
    static (SeriesDataset, SeriesWindow) WindowOf(SeriesRun network, string? path, string? name)
    {
        var series = network.OpenSeries(path);
        var number = name is null ? 0 : Enumerable.Range(0, series.Table.Names.Count).FirstOrDefault(i => series.Table.Names[i] == name, -1);
        if (number < 0) throw new UserException($"--series ({name}): no such series", $"the series are {string.Join(", ", series.Table.Names.Take(10))}{(series.Table.Names.Count > 10 ? ", …" : "")}");
        SeriesWindow[] held = path is not null ? [] : series.Test.Length > 0 ? series.Test : series.Validation;
        var windows = held.Concat(held.Length > 0 ? [] : series.Ahead()).Where(window => window.Series == number).ToList();
        if (windows.Count == 0) throw new UserException($"the series {series.Table.Names[number]} has no window to forecast: the context needs at least two values");
        return (series, windows[^1]);
    }

    // It depends on the config alone.
    private protected sealed override DataProfile ReadProfile(RunConfig run, SeriesDataConfig data, TModel model, TrainingOptions options) => AssumeProfile(data, model, run.Training.Batch);

    private protected sealed override DataProfile AssumeProfile(SeriesDataConfig data, TModel model, BatchConfig batch)
    {
        long rows = batch.RowsOf("series"), patches = model.PatchesOf(data.Context);
        return new() { Series = SeriesShape.Of(data), Batches = [new(rows, patches, data.Horizon, rows * data.Horizon, rows * patches)] };
    }

    private protected sealed override DataProfile ProfileAlone(TModel model) =>
        throw new UserException("without data, a time-series model has no sizes: they follow from data.context and data.horizon", "give a config that also has data");

    private protected sealed override SmallModel OneOfEachBlock(TModel model, DataProfile data) =>
        new(SeriesModel.Create(model with { Layers = 1 }, data.Series!.Value), (Blocks, [model.Layers]));

    /// <summary>The prefix of the names of its blocks.</summary>
    private protected abstract string Blocks { get; }

    private protected sealed override StepWork CreateWork(TModel config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = SeriesModel.Create(config, data.Series!.Value, generator).to(device);
        return new(model, shape =>
        {
            var (context, horizon, _) = model.Shape;
            var (values, observed) = (randn([shape.Rows, context], device: device), ones([shape.Rows, context], device: device));
            var (target, known) = (randn([shape.Rows, horizon], device: device), ones([shape.Rows, horizon], device: device));
            return () => model.Loss(values, observed, target, known).Loss.Objective;
        });
    }
}

/// <summary>Encoders on patches of time series.</summary>
sealed class PatchTstKind : SeriesKind<PatchTstConfig>
{
    private protected override OnnxGraph BuildOnnx(PatchTstConfig config, SeriesModel model, OnnxWeights weights) => OnnxSeries.Build(config, model, weights);

    private protected override string Blocks => "encoder.blocks.";
}

/// <summary>Decoders on patches of time series.</summary>
sealed class SeriesDecoderKind : SeriesKind<SeriesDecoderConfig>
{
    private protected override OnnxGraph BuildOnnx(SeriesDecoderConfig config, SeriesModel model, OnnxWeights weights) => OnnxSeries.Build(config, model, weights);

    private protected override string Blocks => "decoder.blocks.";
}
