using TorchSharp;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Tells the classes of images.</summary>
/// <remarks>
/// Label smoothing acts on mixed targets as on whole ones: each loses its share, which is spread over all classes
/// (Szegedy et al. 2016, section 7). Validation is without smoothing, mixing and augmentation.
/// </remarks>
public sealed class ImageTask : TrainingTask
{
    const int PicturedImages = 3;

    readonly ImageModel model;
    readonly OpenedImages data;
    readonly TrainingConfig config;
    readonly ulong seed;
    readonly Device device;
    readonly int batchSize;
    readonly ModelFlops flops;
    readonly ImageLoader loader;
    ImageBatch? held;
    ClassificationReport? validated;

    /// <summary>A task over images.</summary>
    /// <param name="model">The model, on its device.</param>
    /// <param name="data">The images; they belong to the task from now on.</param>
    /// <param name="run">The config, for batches, label smoothing and the seed.</param>
    /// <param name="device">Where the model is.</param>
    public ImageTask(ImageModel model, OpenedImages data, RunConfig run, Device device)
    {
        this.model = model;
        this.data = data;
        this.device = device;
        config = run.Training;
        flops = ModelFlops.OfImages(run.Model, model.Shape);
        seed = SeedStreams.Of(run.Seed, "batches");
        batchSize = config.Batch.Sequences ?? throw new UserException("training.batch.sequences must be given for images");
        Micro = new MicroSize(config.Batch.Micro);
        loader = data.TrainingBatches(batchSize, seed);
    }

    /// <inheritdoc/>
    public override nn.Module Model => model;

    /// <inheritdoc/>
    public override string Unit => "images";

    /// <inheritdoc/>
    public override double DataWait => loader.WaitFraction;

    /// <inheritdoc/>
    public override IReadOnlyList<MicroBatch> NextStep()
    {
        held?.Dispose();
        held = loader.Next();
        var (micro, microRows) = (new List<MicroBatch>(), Micro.Of(held.Count));
        for (var row = 0; row < held.Count; row += microRows)
            micro.Add(new Images(this, held, row, Math.Min(microRows, held.Count - row), config.LabelSmoothing, report: null));
        return micro;
    }

    /// <inheritdoc/>
    public override IEnumerable<MicroBatch> Validation(int? batches)
    {
        validated = null;
        if (data.Dataset.Validation.Length == 0 || batches == 0) yield break;
        validated = new ClassificationReport(data.Dataset.Classes);
        using var inOrder = data.EvaluationBatches(data.Dataset.Validation, Math.Max(Micro.Of(batchSize), 64));
        foreach (var batch in inOrder.RestOfEpoch().Take(batches ?? int.MaxValue))
        {
            using (batch)
                if (batch.Count > 0) yield return new Images(this, batch, 0, batch.Count, smoothing: 0, validated);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        var metrics = new Dictionary<string, double>();
        if (validated is not { Examples: > 0 } report) return metrics;
        metrics["top1"] = report.Accuracy;
        if (report.Labels.Count > 5) metrics["top5"] = report.TopK(5);
        if (!whole) return metrics;
        metrics["macro_f1"] = report.MacroF1;
        metrics["calibration_error"] = report.CalibrationError;
        return metrics;
    }

    /// <inheritdoc/>
    public override ConfusionCounts? Confusion => validated is { Examples: > 0 } report ? new(report.ConfusionRows(), report.Labels) : null;

    /// <inheritdoc/>
    public override IReadOnlyList<ModelPicture> Pictures()
    {
        var pictures = new List<ModelPicture>();
        if (model is Vit vit)
        {
            List<RgbImage> images = [.. data.Dataset.Validation.Take(PicturedImages).Select(data.Dataset.Load).OfType<RgbImage>()];
            if (images.Count > 0) pictures.Add(RolloutPlot.Picture("rollout", vit, data.Transform, images, device));
        }
        if (Confusion is { } confusion) pictures.Add(ConfusionPlot.Of(confusion.Rows, confusion.Labels).ToPicture("confusion"));
        return pictures;
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, long> SamplerState
    {
        get => loader.Position.ToState();
        set => loader.Position = DataPosition.FromState(value);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        held?.Dispose();
        loader.Dispose();
        data.Dispose();
        model.Dispose();
    }

    /// <summary>Some images of a batch.</summary>
    sealed class Images(ImageTask task, ImageBatch batch, int first, int rows, double smoothing, ClassificationReport? report) : MicroBatch(rows, rows, first)
    {
        public override double Flops => task.flops.Of(new(rows, 0, 0, rows, rows));

        public override LossSum LossSum(RandomPosition random)
        {
            var (size, channels, classes) = task.model.Shape;
            var images = tensor(Part(batch.Pixels, channels * size * size), [rows, channels, size, size], device: task.device);   // [B, C, Y, X]
            var logits = task.model.Logits(images, random: random).to(ScalarType.Float32);                                       // [B, N]
            report?.AddBatch(logits, Part(batch.Labels, 1));
            var labels = batch.Targets is { } mixed ? tensor(Part(mixed, classes), [rows, classes], device: task.device) : tensor(Part(batch.Labels, 1), device: task.device);
            return Layers.LossSum.Of(logits, labels, smoothing);
        }

        // The rows' part of what the batch has for each image.
        T[] Part<T>(T[] all, int each) => rows == batch.Count ? all : all[(first * each)..((first + rows) * each)];
    }
}
