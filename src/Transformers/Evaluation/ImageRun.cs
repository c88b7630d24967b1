using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>A trained image model with the transform and the classes of its checkpoint.</summary>
public sealed class ImageRun : IDisposable
{
    ImageRun(TrainedRun run, ImageModel model, ImageInput input, Device device) => (Run, Model, Input, Device) = (run, model, input, device);

    /// <summary>The run.</summary>
    public TrainedRun Run { get; }

    /// <summary>The network, in evaluation mode; the moving average of the weights, if there is one.</summary>
    public ImageModel Model { get; }

    /// <summary>How images become its input, and the names of its classes.</summary>
    public ImageInput Input { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Opens a run.</summary>
    /// <param name="path">A run folder, or a checkpoint folder.</param>
    /// <param name="which"><c>best</c>, <c>latest</c> or a step, of a run folder; null for the best, else the newest.</param>
    /// <param name="device">Where to compute; the CPU by default.</param>
    /// <exception cref="UserException">The run does not exist, is of a different kind, or is damaged.</exception>
    public static ImageRun Open(string path, string? which = null, Device? device = null) => Open(TrainedRun.Open(path, which), device);

    /// <summary>Loads the network of an open run.</summary>
    /// <exception cref="UserException">It is of a different kind, or damaged.</exception>
    public static ImageRun Open(TrainedRun run, Device? device = null)
    {
        var network = run.Require<IImageModelConfig>("an image model (vit, swin or resnet)");
        var file = run.Checkpoint.PathOf(ImageInput.FileName);
        var input = ImageInput.Parse(run.Checkpoint.ReadText(ImageInput.FileName), file);
        device ??= NativeLibraries.Cpu;
        var model = ImageModel.Create(network, new ImageShape(input.Transform.Size, input.Transform.Channels, input.Classes.Count));
        return new ImageRun(run, run.Fill(model.to(device)), input, device);
    }

    /// <summary>Opens the images that the run was trained on, or others, with the checkpoint's transform.</summary>
    /// <param name="path">Other images; null for the config's own.</param>
    /// <param name="split">The requested split, if any. The config's rules divide its own images; other images are divided only if a split is requested.</param>
    /// <param name="generated">The folder in which generated data sets are kept.</param>
    /// <exception cref="UserException">They cannot be opened, or have a class that the network does not know.</exception>
    public OpenedImages OpenImages(string? path = null, string? split = null, string generated = "data/.cache/images")
    {
        var config = (ImageDataConfig)Run.Config.Data;
        // The limit applies only to the run's own training images.
        if (path is not null) config = config with { Limit = null };
        if (path is not null && split is null) config = config with { Test = null, Holdout = null };
        var saved = new GivenStatisticsConfig { Mean = Input.Transform.Mean, Std = Input.Transform.Std };
        // With given statistics nothing is measured, so a folder of only test images suffices.
        var opened = OpenedImages.Open(config with { Input = config.Input with { Normalize = saved } }, Run.Config.Seed, path, generated);
        try
        {
            KnownClasses.NumbersOf(opened.Dataset.Classes, Input.Classes, "images");
            return opened with { Transform = Input.Transform };
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Scores of images.</summary>
    /// <param name="pixels">B·C·Y·X numbers, transformed.</param>
    /// <param name="count">The number of images B.</param>
    /// <returns>B·N unnormalised scores.</returns>
    public float[] Scores(float[] pixels, int count)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        var (size, channels, _) = Model.Shape;
        var images = tensor(pixels, [count, channels, size, size], device: Device);
        return [.. Model.Logits(images).to(ScalarType.Float32).cpu().contiguous().data<float>()];
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}

/// <summary>The classes of one input: of an image, of a recording or of a row of a table.</summary>
/// <param name="Input">The file, or the table and its line.</param>
/// <param name="Labels">The most probable classes, most probable first; none if the input cannot be used.</param>
/// <param name="Problem">Why an input that was named cannot be used; null if it can.</param>
public sealed record ClassPrediction(string Input, IReadOnlyList<LabelProbability> Labels, Problem? Problem = null);

/// <summary>Names the classes of image files. A file in a folder that cannot be used is skipped; one that was named directly has a problem instead of classes.</summary>
/// <param name="run">The network.</param>
public sealed class ImagePredictor(ImageRun run)
{
    readonly List<ImageException> skipped = [];

    /// <summary>Files of folders that could not be used so far.</summary>
    public IReadOnlyList<ImageException> Skipped => skipped;

    /// <summary>Predicts files one batch after another, in order; the images of a folder by name.</summary>
    /// <param name="inputs">Files, and folders with everything below them.</param>
    /// <param name="top">The number of classes to return for each.</param>
    /// <param name="batchSize">Images per pass; it does not affect the results.</param>
    /// <param name="precision">The number format of products.</param>
    /// <param name="progress">Receives the fraction done so far.</param>
    /// <exception cref="UserException">An input does not exist, or a folder has no images.</exception>
    public IEnumerable<ClassPrediction> Predict(IEnumerable<string> inputs, int top = 5, int batchSize = 32, Precision precision = Precision.Fp32, Action<double>? progress = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        // All inputs are checked first, so that a typing error in the last does not waste the work on the others.
        var files = inputs.SelectMany(FilesOf).ToList();
        foreach (var part in files.Chunk(Math.Max(1, batchSize)).Counted(files.Count, progress, part => part.Length))
            foreach (var prediction in PredictPart(part, top, precision)) yield return prediction;
    }

    static IEnumerable<(string file, bool named)> FilesOf(string input)
    {
        if (File.Exists(input)) return [(input, true)];
        if (!Directory.Exists(input)) throw new UserException([new Problem("the file or folder does not exist", input, Hint: Suggestion.ForPath(input))]);
        var files = new ClassFolders(input, ImageFiles.HasImageName, "images").Found.Select(file => Path.Combine(input, file)).Order(StringComparer.Ordinal).Select(file => (file, false)).ToList();
        return files.Count > 0 ? files : throw new UserException([new Problem("the folder contains no images", input, Hint: "images are .jpg, .png, .webp, .gif and .bmp files")]);
    }

    IReadOnlyList<ClassPrediction> PredictPart((string file, bool named)[] part, int top, Precision precision)
    {
        var transform = run.Input.Transform;
        var read = new float[part.Length][];
        var faults = new ImageException?[part.Length];
        AllCores.For(part.Length, i =>
        {
            try
            {
                read[i] = transform.Apply(ImageCodec.DecodeFile(part[i].file, new ImageDecodeOptions { Background = transform.Background }, part[i].named));
            }
            catch (ImageException exception)
            {
                faults[i] = exception;
            }
        });
        for (var i = 0; i < part.Length; i++)
            if (faults[i] is { } fault && !part[i].named) skipped.Add(fault);
        var good = Enumerable.Range(0, part.Length).Where(i => faults[i] is null).ToList();
        Precisions.Apply(run.Model, Precisions.Resolve(precision, run.Device));
        var scores = good.Count == 0 ? [] : run.Scores([.. good.SelectMany(i => read[i])], good.Count);
        var classes = run.Input.Classes.Count;
        var predictions = new List<ClassPrediction>();
        for (int i = 0, row = 0; i < part.Length; i++)
            if (faults[i] is null) predictions.Add(new(part[i].file, LabelProbability.Top(run.Input.Classes, scores.AsSpan(row++ * classes, classes), top)));
            else if (part[i].named) predictions.Add(new(part[i].file, [], faults[i]!.Problems[0]));
        return predictions;
    }
}
