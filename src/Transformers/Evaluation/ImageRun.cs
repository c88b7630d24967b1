using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.IO;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>A trained network over images with what it needs to see and to name: the transform and the classes of its checkpoint.</summary>
public sealed class ImageRun : IDisposable
{
    ImageRun(TrainedRun run, ImageModel model, ImageInput input, Device device) => (Run, Model, Input, Device) = (run, model, input, device);

    /// <summary>The run.</summary>
    public TrainedRun Run { get; }

    /// <summary>The network, in evaluation mode: the weights' moving average, where there is one.</summary>
    public ImageModel Model { get; }

    /// <summary>What it sees of an image, and the names of its classes.</summary>
    public ImageInput Input { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Opens a run.</summary>
    /// <param name="path">A run folder, or a checkpoint folder.</param>
    /// <param name="which"><c>best</c>, <c>latest</c> or a step, of a run folder; null for the best, else the newest.</param>
    /// <param name="device">Where to compute; the CPU unless told.</param>
    /// <exception cref="UserException">There is no such run, it is of another kind, or it is damaged.</exception>
    public static ImageRun Open(string path, string? which = null, Device? device = null) => Open(TrainedRun.Open(path, which), device);

    /// <summary>Loads the network of a run that is open.</summary>
    /// <exception cref="UserException">It is of another kind, or it is damaged.</exception>
    public static ImageRun Open(TrainedRun run, Device? device = null)
    {
        if (run.Config is not { Data: ImageDataConfig, Model: ImageModelConfig network })
            throw new UserException($"the run is of kind {KindAttribute.Of(run.Config.Model)}, and this needs a network over images (vit or swin)");
        var file = run.Checkpoint.PathOf(ImageInput.FileName);
        var input = ImageInput.Parse(run.Checkpoint.ReadText(ImageInput.FileName), file);
        device ??= NativeLibraries.Cpu;
        var model = ImageModel.Create(network, new ImageShape(input.Transform.Size, input.Transform.Channels, input.Classes.Count));
        return new ImageRun(run, run.Fill(model.to(device)), input, device);
    }

    /// <summary>Opens the images that the run was trained on, or others, shown as the checkpoint says.</summary>
    /// <param name="path">Other images; null for the config's own.</param>
    /// <param name="split">The split that is asked for, if any. The config's rules divide its own images; other images only where a split is asked for.</param>
    /// <param name="generated">The folder that generated sets are kept in.</param>
    /// <exception cref="UserException">They cannot be opened, or have a class that the network does not know.</exception>
    public OpenedImages OpenImages(string? path = null, string? split = null, string generated = "data/.cache/images")
    {
        var config = (ImageDataConfig)Run.Config.Data;
        if (path is not null && split is null) config = config with { Test = null, Holdout = null };
        var saved = new GivenStatisticsConfig { Mean = Input.Transform.Mean, Std = Input.Transform.Std };
        // With statistics given, nothing is measured: a folder of test images alone will do.
        var opened = OpenedImages.Open(config with { Input = config.Input with { Normalize = saved } }, Run.Config.Seed, path, generated);
        var unknown = opened.Dataset.Classes.Except(Input.Classes, StringComparer.Ordinal).ToList();
        if (unknown.Count == 0) return opened with { Transform = Input.Transform };
        opened.Dispose();
        throw new UserException($"the images have classes that the model does not know: {string.Join(", ", unknown.Take(5))}",
            $"it knows {string.Join(", ", Input.Classes.Take(10))}{(Input.Classes.Count > 10 ? ", …" : "")}");
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
