using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.IO.Images;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Native;
using Transformers.Processes;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A kind of model that classifies images.</summary>
abstract class ImageKind<TModel> : Kind<TModel, ImageDataConfig> where TModel : ModelConfig, IImageModelConfig
{
    const int AssumedClasses = 10;

    public sealed override ModelInput Input => ModelInput.Images;

    public sealed override bool Classifies => true;

    protected sealed override TaskSetup CreateTask(RunConfig run, ImageDataConfig data, TModel model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        ImageTask.Prepare(run, data, model, options, observer, stop);

    public sealed override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (options.Quantized) throw EncoderKind.NoDecoder(run);
        using var network = ImageRun.Open(run, options.Device);
        using var images = options.Processes.InTurns(() => network.OpenImages(options.Data, options.Split, Path.Combine(options.Cache, "images")));
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var result = ImageEvaluation.Run(network, images, options.Split, options.BatchSize ?? 64, precision: options.Precision, processes: options.Processes, progress: options.Progress,
            each: predictions.Add);
        predictions.Complete();
        return new EvaluationResult
        {
            Run = name,
            Checkpoint = run.Checkpoint.Step,
            Split = result.Split,
            Examples = result.Report.Examples,
            Metrics = result.Metrics,
            Confusion = result.Report.ConfusionRows(),
            Labels = result.Report.Labels,
            Classes = result.Report.Classes(),
            Mistakes = result.Mistakes,
            Broken = result.Broken.Count == 0 ? null : result.Broken,
        };
    }

    public sealed override IReadOnlyList<string> EvaluationMetrics(TrainedRun run)
    {
        var classes = ImageInput.Parse(run.Checkpoint.ReadText(ImageInput.FileName), run.Checkpoint.PathOf(ImageInput.FileName)).Classes.Count;
        return ["loss", .. ClassifierMetrics.Names(classes)];
    }

    protected sealed override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        using var network = ImageRun.Open(run);
        var weights = OnnxExport.WeightsOf(network.Model, request);
        return OnnxExport.Write(run, request, weights, new() { Kind = NameOf(run), Task = "classify_image", Labels = network.Input.Classes, Image = network.Input.Transform },
            ("model.onnx", BuildOnnx((TModel)run.Config.Model, network.Model.Shape, weights)));
    }

    /// <summary>The network as an ONNX graph.</summary>
    private protected abstract OnnxGraph BuildOnnx(TModel model, ImageShape shape, OnnxWeights weights);

    public sealed override Picture DrawPatches(TrainedRun run, string? image)
    {
        NativeLibraries.Load();
        using var images = ImageRun.Open(run);
        using var filters = StoredWeights.Find(run.Checkpoint, "patch_emb.weight") ?? throw new UserException($"a run of kind {NameOf(run)} has no patch embedding", "this figure is for runs of kind vit and swin");
        return PatchesPlot.Of(filters, image is null ? null : images.Input.Transform.Fit(Decode(image, images)));
    }

    protected static RgbImage Decode(string? path, ImageRun run) =>
        ImageCodec.DecodeFile(path ?? throw new UserException("--image must be given, with an image file"), new ImageDecodeOptions { Background = run.Input.Transform.Background });

    protected static UserException Unlearned() => new("learned positions cannot be drawn before training", "give the folder of a trained run");

    private protected sealed override DataProfile ReadProfile(RunConfig run, ImageDataConfig data, TModel model, TrainingOptions options)
    {
        using var opened = OpenedImages.Open(data, run.Seed, generated: Path.Combine(options.Cache, "images"));
        return Profile(new ImageShape(opened.Transform.Size, opened.Transform.Channels, opened.Dataset.Classes.Count), run.Training.Batch.RowsOf("images"));
    }

    private protected sealed override DataProfile AssumeProfile(ImageDataConfig data, TModel model, BatchConfig batch) =>
        Profile(new ImageShape(data.Input.Size, data.Input.Channels, model.Classes ?? AssumedClasses), batch.RowsOf("images")) with
        {
            Notes = model.Classes is null ? [$"{AssumedClasses} classes are assumed"] : [],
        };

    private protected sealed override DataProfile ProfileAlone(TModel model) => Profile(ImageShape.Of(model), 1);

    internal sealed override DataProfile ProfileStep(ModelConfig config, StepRequest request)
    {
        var model = (TModel)config;
        var input = (request.Run?.Data as ImageDataConfig)?.Input;
        if (model.Classes is null) request.Notes.Add($"the classes come from the data, which were not read; {AssumedClasses} are assumed");
        return Profile(ImageShape.Of(model, input, AssumedClasses), request.Rows(1));
    }

    static DataProfile Profile(ImageShape image, int rows) => new() { Image = image, Classes = image.Classes, Batches = [new(rows, 0, 0, rows, rows)] };

    private protected sealed override StepWork CreateWork(TModel config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = ImageModel.Create(config, data.Image!.Value, generator).to(device);
        return new(model, shape =>
        {
            var (size, channels, classes) = model.Shape;
            var pixels = randn([shape.Rows, channels, size, size], device: device);
            // Each class equally often: an untrained model gives nearly the same answer for all images, so the loss on a single class would depend on luck.
            var labels = StepWork.Labels(shape.Rows, classes, device);
            return () => LossSum.Of(model.Logits(pixels).to(ScalarType.Float32), labels, smoothing).Objective;
        });
    }
}

/// <summary>The result of an evaluation.</summary>
/// <param name="Split">The images: <c>test</c>, <c>validation</c>, <c>train</c> or <c>all</c>.</param>
/// <param name="Loss">Nats per image.</param>
/// <param name="Report">Accuracies, confusion matrix, scores of each class, calibration.</param>
/// <param name="Mistakes">The worst mistakes: those whose actual class has the lowest probability, worst first.</param>
/// <param name="Broken">Images that could not be read; they are not counted.</param>
public sealed record ImageEvaluationResult(string Split, double Loss, ClassificationReport Report, IReadOnlyList<ImageMistake> Mistakes, IReadOnlyList<string> Broken)
{
    /// <summary>The metrics by name.</summary>
    public IReadOnlyDictionary<string, double> Metrics => new Dictionary<string, double>([new("loss", Loss), .. ClassifierMetrics.Of(Report)]);
}

/// <summary>Evaluates a trained image model.</summary>
public static class ImageEvaluation
{
    /// <summary>Classifies all images of a split.</summary>
    /// <param name="run">The network.</param>
    /// <param name="images">The images, from <see cref="ImageRun.OpenImages"/>.</param>
    /// <param name="split">The split's name; null for the test split, else validation, else all images.</param>
    /// <param name="batchSize">Images per pass; it does not affect the results.</param>
    /// <param name="worst">The number of mistakes to list.</param>
    /// <param name="precision">The number format of products.</param>
    /// <param name="each">Called for every image, in order.</param>
    /// <param name="processes">The processes that share the work; by default one.</param>
    /// <param name="progress">Receives the fraction done so far, after every batch.</param>
    /// <exception cref="UserException">The split does not exist, or none of its images can be read.</exception>
    public static ImageEvaluationResult Run(ImageRun run, OpenedImages images, string? split = null, int batchSize = 64, int worst = 20,
        Precision precision = Precision.Fp32, Action<PredictionLine>? each = null, Communicator? processes = null, Action<double>? progress = null)
    {
        var (name, indices) = Choose(images, split);
        var dataset = images.Dataset;
        var numbers = KnownClasses.NumbersOf(dataset.Classes, run.Input.Classes, "images");
        var tally = new ClassifierTally(run.Input.Classes, each, worst);
        using var loader = images.EvaluationBatches(indices, batchSize);
        Precisions.Apply(run.Model, Precisions.Resolve(precision, run.Device));
        foreach (var (scores, labels, shown) in (processes ?? Communicator.Single).DivideStream(loader.RestOfEpoch().Counted((indices.Length + batchSize - 1) / batchSize, progress), ScoresOf))
            tally.Add(scores, [.. labels.Select(label => numbers[label])], row => dataset.Source.NameOf(shown[row]));
        if (tally.Report.Examples == 0) throw new UserException($"no image of the {name} split can be read", dataset.Broken.All.Select(broken => broken.Fault.Message).FirstOrDefault());
        return new ImageEvaluationResult(name, tally.Loss, tally.Report, tally.TakeMistakes(), [.. dataset.Broken.All.Select(broken => dataset.Source.NameOf(broken.Index))]);

        ScoredImages ScoresOf(ImageBatch batch)
        {
            using (batch) return new(batch.Count == 0 ? [] : run.Scores(batch.Pixels, batch.Count), batch.Labels, batch.Indices);
        }
    }

    sealed record ScoredImages(float[] Scores, long[] Labels, int[] Images);

    static (string name, int[] indices) Choose(OpenedImages images, string? split)
    {
        var dataset = images.Dataset;
        if (split is not null) return (split, dataset.Split(split));
        if (dataset.Test.Length > 0) return ("test", dataset.Test);
        return dataset.Validation.Length > 0 ? ("validation", dataset.Validation) : ("all", dataset.Train);
    }
}
