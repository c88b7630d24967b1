using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data.Series;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Encoders on patches of time series that classify them.</summary>
sealed class SeriesClassifierKind : Kind<SeriesClassifierConfig, LabelledSeriesDataConfig>
{
    const int AssumedClasses = 10;

    public override ModelInput Input => ModelInput.Series;

    public override string Example => "series";

    public override bool Classifies => true;

    protected override TaskSetup CreateTask(RunConfig run, LabelledSeriesDataConfig data, SeriesClassifierConfig model, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var series = LabelledSeriesDataset.Open(data, run.Seed);
        observer.Note($"{series.Train.Length:N0} training, {series.Validation.Length:N0} validation and {series.Test.Length:N0} test series of {Amount.Of(series.Classes.Count, "class", "classes")}");
        LabelledNotes.CheckClasses(series.Classes, "series");
        foreach (var warning in series.Warnings) observer.Warn(warning);
        using var generator = new Generator(SeedStreams.Of(run.Seed, "weights"));
        var network = new SeriesClassifier(model, data.Length, series.Classes.Count, generator).to(options.Device);
        var classes = JsonSerializer.SerializeToUtf8Bytes(series.Classes, JsonStyle.Options);
        return new TaskSetup
        {
            Task = new SeriesClassificationTask(network, series, run, options.Device),
            Files = new Dictionary<string, byte[]> { [CheckpointFiles.Classes] = classes },
            UnitsOf = targets => targets * (double)model.PatchesOf(data.Length),
            Labels = series.Classes,
            FilesHash = Convert.ToHexStringLower(SHA256.HashData(classes)),
        };
    }

    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw EncoderKind.NoDecoder(run);
        if (options is { Data: not null, Split: { } asked }) throw new UserException($"--split ({asked}): a table given with --data is evaluated as a whole", "leave --split out");
        using var network = SeriesClassifierRun.Open(run, options.Device, options.Precision);
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var series = options.Data is { } path ? LabelledSeriesDataset.OpenTable(network.Data, path, labelled: true) : LabelledSeriesDataset.Open(network.Data, run.Config.Seed);
        var (split, indices) = series.Split(options.Split);
        var numbers = KnownClasses.NumbersOf(series.Classes, network.Classes, "series");
        var tally = new ClassifierTally(network.Classes, predictions.Add);
        List<int[]> parts = [.. indices.Chunk(options.BatchSize ?? 256)];
        foreach (var (scores, part) in options.Processes.DivideStream(parts.Counted(indices.Length, options.Progress, part => part.Length), ScoresOf).Zip(parts))
            tally.Add(scores, [.. part.Select(index => numbers[series.LabelOf(index)])], row => series.NameOf(part[row]));
        predictions.Complete();
        return tally.Result(run, name, options.Data is null ? split : "data");

        float[] ScoresOf(int[] part)
        {
            cancel.ThrowIfCancellationRequested();
            return network.Scores(series.Batch(part));
        }
    }

    protected override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        NativeLibraries.Load();
        using var network = SeriesClassifierRun.Open(run);
        var weights = OnnxExport.WeightsOf(network.Model, request);
        return OnnxExport.Write(run, request, weights, new() { Kind = NameOf(run), Task = "classify_series", Series = new(network.Data.Length), Labels = network.Classes },
            ("model.onnx", OnnxSeries.Build((SeriesClassifierConfig)run.Config.Model, network.Data.Length, network.Classes.Count, weights)));
    }

    public override IReadOnlyList<string> EvaluationMetrics(TrainedRun run) => ["loss", "top1", "macro_f1", "calibration_error"];

    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        using var network = SeriesClassifierRun.Open(run, device);
        var series = subject.Table is { } path ? LabelledSeriesDataset.OpenTable(network.Data, path, labelled: false) : LabelledSeriesDataset.Open(network.Data, run.Config.Seed);
        var indices = series.Split(null).Indices;
        var shown = subject.Series is { } name ? indices.FirstOrDefault(index => series.NameOf(index) == name, -1) : indices[0];
        if (shown < 0) throw new UserException($"--series ({subject.Series}): no such series", $"the series are {string.Join(", ", indices.Take(5).Select(series.NameOf))}{(indices.Length > 5 ? ", …" : "")}");
        return AttentionPlot.Of([.. network.PatchSteps.Select(step => step.ToString(CultureInfo.InvariantCulture))], recorder => network.Scores(series.Batch([shown]), recorder), subject.Choice).Draw();
    }

    private protected override DataProfile ReadProfile(RunConfig run, LabelledSeriesDataConfig data, SeriesClassifierConfig model, TrainingOptions options) =>
        Profile(data, model, run.Training.Batch, LabelledSeriesDataset.Open(data, run.Seed).Classes.Count);

    private protected override DataProfile AssumeProfile(LabelledSeriesDataConfig data, SeriesClassifierConfig model, BatchConfig batch) =>
        Profile(data, model, batch, AssumedClasses) with { Notes = [$"{AssumedClasses} classes are assumed"] };

    static DataProfile Profile(LabelledSeriesDataConfig data, SeriesClassifierConfig model, BatchConfig batch, int classes)
    {
        long rows = batch.RowsOf("series"), patches = model.PatchesOf(data.Length);
        return new() { Series = new SeriesShape(data.Length, 0, 1), Classes = classes, Batches = [new(rows, patches, 0, rows, rows * patches)] };
    }

    private protected override DataProfile ProfileAlone(SeriesClassifierConfig model) =>
        throw new UserException("without data, a time-series model has no sizes: they follow from data.length", "give a config that also has data");

    private protected override SmallModel OneOfEachBlock(SeriesClassifierConfig model, DataProfile data) =>
        new(new SeriesClassifier(model with { Layers = 1 }, data.Series!.Value.Context, data.Classes), ("encoder.blocks.", [model.Layers]));

    private protected override StepWork CreateWork(SeriesClassifierConfig config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var (length, classes) = (data.Series!.Value.Context, data.Classes);
        var model = new SeriesClassifier(config, length, classes, generator).to(device);
        return new(model, shape =>
        {
            var (values, observed) = (randn([shape.Rows, length], device: device), ones([shape.Rows, length], device: device));
            var labels = StepWork.Labels(shape.Rows, classes, device);
            return () => LossSum.Of(model.Logits(values, observed), labels, smoothing).Objective;
        });
    }
}

/// <summary>Classifies series.</summary>
sealed class SeriesClassificationTask(SeriesClassifier model, LabelledSeriesDataset series, RunConfig run, Device device)
    : PatchClassifierTask<(int[] Indices, SeriesBatch Batch)>(model, series.Classes, run, device, "series", 0x736572696573, series.Train.Length, series.Validation,
        ((SeriesModelConfig)run.Model).PatchesOf(series.Length), measuresAll: true)
{
    private protected override (int[] Indices, SeriesBatch Batch) Draw(int rows, SampleRandom random) =>
        Read([.. Enumerable.Range(0, rows).Select(_ => series.Train[random.Next(series.Train.Length)])]);

    private protected override (int[] Indices, SeriesBatch Batch) Read(int[] examples) => (examples, series.Batch(examples));

    private protected override long[] LabelsOf((int[] Indices, SeriesBatch Batch) batch) => Array.ConvertAll(batch.Indices, index => (long)series.LabelOf(index));

    private protected override Tensor Logits((int[] Indices, SeriesBatch Batch) batch, int first, int rows, RandomPosition random)
    {
        return ((SeriesClassifier)Model).Logits(Part(batch.Batch.Values), Part(batch.Batch.Observed), random: random);

        Tensor Part(float[] all) => tensor(all[(first * series.Length)..((first + rows) * series.Length)], [rows, series.Length]).SendTo(Device);
    }
}
