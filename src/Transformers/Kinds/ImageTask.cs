using Transformers.Data;
using TorchSharp;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Processes;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Classifies images.</summary>
/// <remarks>
/// Label smoothing acts on mixed targets as on plain ones: each loses the same fraction, which is spread over all classes
/// (Szegedy et al. 2016, section 7). Validation uses no smoothing, mixing or augmentation.
/// </remarks>
sealed class ImageTask : ClassifierTask<ImageBatch>
{
    const int PicturedImages = 3, MostNamed = 5;

    readonly ImageModel model;
    readonly OpenedImages data;
    readonly int batchSize;
    readonly ModelFlops flops;
    readonly ImageLoader loader;
    readonly HashSet<int> reported = [];
    ImageBatch? held;

    /// <summary>Creates a task on images.</summary>
    public ImageTask(ImageModel model, OpenedImages data, RunConfig run, Device device, Communicator? processes = null) : base(model, data.Dataset.Classes, run, device)
    {
        (this.model, this.data) = (model, data);
        flops = ModelFlops.OfImages(run.Model, model.Shape);
        batchSize = Config.Batch.RowsOf("images");
        loader = data.TrainingBatches(batchSize, SeedStreams.Of(run.Seed, "batches"), processes);
    }

    /// <summary>Opens the images and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig config, ImageDataConfig data, IImageModelConfig network, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        if (options.TakenFrom is { } from && TrainedRun.Open(from).Checkpoint is var there)
            data = data with { Input = WarmStart.Statistics(data.Input, ImageInput.Parse(there.ReadText(ImageInput.FileName), there.PathOf(ImageInput.FileName)).Transform, from) };
        if (data.Source is GeneratedImagesConfig) observer.OnPreparing("drawing images", 0);
        var opened = OpenedImages.Open(data, config.Seed, generated: Path.Combine(options.Cache, "images"), cancel: stop.Token);
        try
        {
            var dataset = opened.Dataset;
            LabelledNotes.CheckClasses(dataset.Classes, "images");
            observer.Note($"{dataset.Train.Length:N0} training, {dataset.Validation.Length:N0} validation and {Amount.Of(dataset.Test.Length, "test image")} of {Amount.Of(dataset.Classes.Count, "class", "classes")}");
            foreach (var warning in dataset.Warnings) observer.Warn(warning);

            using var generator = new Generator(SeedStreams.Of(config.Seed, "weights"));
            var model = ImageModel.Create(network, ShapeOf(network, opened), generator).to(options.Device);
            var input = Encoding.UTF8.GetBytes(new ImageInput(opened.Transform, dataset.Classes).ToJson());
            var task = new ImageTask(model, opened, config, options.Device, options.Processes) { Observer = observer };
            task.ReportBroken();
            return new TaskSetup
            {
                Task = task,
                Files = new Dictionary<string, byte[]> { [ImageInput.FileName] = input },
                Labels = dataset.Classes,
                FilesHash = Convert.ToHexStringLower(SHA256.HashData(input)),
            };
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Receives warnings of images that cannot be read, including those found only during training.</summary>
    internal ITrainingObserver? Observer { get; init; }

    void ReportBroken()
    {
        if (Observer is null || data.Dataset.Broken.Count == reported.Count) return;
        foreach (var (_, fault) in data.Dataset.Broken.All.Where(broken => reported.Add(broken.Index)))
            if (reported.Count <= MostNamed) Observer.Warn($"skipped {fault.Problems[0].File}: {fault.Problems[0].Message}");
            else if (reported.Count == MostNamed + 1) Observer.Warn("more images cannot be read and are skipped; data inspect lists them");
    }

    static ImageShape ShapeOf(IImageModelConfig network, OpenedImages opened)
    {
        var classes = opened.Dataset.Classes.Count;
        if (network.Classes is { } wanted && wanted != classes)
            throw new UserException([new Problem($"model.classes ({wanted}) must be the number of classes of the images ({classes})", Path: "model.classes", Hint: "leave it out to use the number of the images")]);
        return new ImageShape(opened.Transform.Size, opened.Transform.Channels, classes);
    }

    public override string Unit => "images";

    protected override IBatchStream<ImageBatch> Stream => loader;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        held?.Dispose();
        held = loader.Next();
        ReportBroken();
        MicroBatch Slice(int first, int rows, int before) => new Images(this, held, first, rows, Config.LabelSmoothing, report: null, before);
        return held.Part is { } part ? Cut(0, held.Count, (first, rows) => Slice(first, rows, part.First)) : Slices(held.Count, (first, rows) => Slice(first, rows, 0));
    }

    public override IEnumerable<MicroBatch> Validation(int? batches)
    {
        if (BeginReport(batches) is not { } report) yield break;
        using var inOrder = data.EvaluationBatches(data.Dataset.Validation, Math.Max(Micro.Of(batchSize), 64));
        foreach (var batch in inOrder.RestOfEpoch().Take(batches ?? int.MaxValue))
        {
            using (batch)
                if (batch.Count > 0) yield return new Images(this, batch, 0, batch.Count, smoothing: 0, report);
        }
        ReportBroken();
    }

    public override bool HasValidation => data.Dataset.Validation.Length > 0;

    public override IReadOnlyList<ModelPicture> Pictures()
    {
        var pictures = new List<ModelPicture>();
        if (model is Vit vit)
        {
            List<RgbImage> images = [.. data.Dataset.Validation.Take(PicturedImages).Select(data.Dataset.Load).OfType<RgbImage>()];
            if (images.Count > 0) pictures.Add(RolloutPlot.Picture(vit, data.Transform, images, Device));
        }
        return [.. pictures, .. base.Pictures()];
    }

    public override void Dispose()
    {
        held?.Dispose();
        base.Dispose();
        data.Dispose();
        model.Dispose();
    }

    // Some images of a batch; other processes may have earlier ones.
    sealed class Images(ImageTask task, ImageBatch batch, int first, int rows, double smoothing, ClassificationReport? report, int before = 0) : MicroBatch(rows, rows, before + first)
    {
        public override double Flops => task.flops.Of(new(rows, 0, 0, rows, rows));

        public override LossSum LossSum(RandomPosition random)
        {
            var (size, channels, classes) = task.model.Shape;
            var images = tensor(Part(batch.Pixels, channels * size * size), [rows, channels, size, size]).SendTo(task.Device);   // [B, C, Y, X]
            var logits = task.model.Logits(images, random: random).to(ScalarType.Float32);                                       // [B, N]
            report?.AddBatch(logits, Part(batch.Labels, 1));
            var labels = batch.Targets is { } mixed ? tensor(Part(mixed, classes), [rows, classes]).SendTo(task.Device) : tensor(Part(batch.Labels, 1)).SendTo(task.Device);
            return Layers.LossSum.Of(logits, labels, smoothing);
        }

        // The rows' part of the batch's values for each image.
        T[] Part<T>(T[] all, int each) => rows == batch.Count ? all : all[(first * each)..((first + rows) * each)];
    }
}
