using Transformers.Generators.Drawing;
using Transformers.IO;
using Transformers.Processes;

namespace Transformers.Data.Images;

/// <summary>The images of a config, divided into splits, and how they become a model's input.</summary>
/// <param name="Dataset">The images; whoever opened them disposes of them.</param>
/// <param name="Transform">The transform without augmentation; stored in checkpoints.</param>
/// <param name="Augmentation">The random augmentation of a training image, or null.</param>
/// <param name="Mixing">The random mixing of a training batch, or null.</param>
/// <param name="Threads">Threads that make batches, or null for the loader's own choice.</param>
public sealed record OpenedImages(ImageDataset Dataset, ImageTransform Transform, ImageAugmentation? Augmentation, BatchMixing? Mixing, int? Threads) : IDisposable
{
    /// <summary>Opens what a config names; generated images are drawn once and kept.</summary>
    /// <param name="config">The config.</param>
    /// <param name="seed">The run's seed, which determines what is held out.</param>
    /// <param name="path">Replaces the config's source, as <c>--data</c> does.</param>
    /// <param name="generated">The folder in which generated data sets are kept.</param>
    /// <param name="cancel">Cancels the drawing of generated images, and leaves nothing behind.</param>
    /// <exception cref="UserException">The images cannot be opened, divided or measured.</exception>
    public static OpenedImages Open(ImageDataConfig config, ulong seed, string? path = null, string generated = "data/generated", CancellationToken cancel = default)
    {
        path ??= config.Source switch
        {
            GeneratedImagesConfig drawn => Generate(drawn, generated, cancel),
            ImageFilesConfig files => files.Path,
            _ => throw new NotSupportedException($"images cannot come from {config.Source.GetType().Name}"),
        };
        var dataset = ImageDataset.Open(path, config.Test, config.Holdout, seed, config.Broken, config.Cache.Bytes, config.Limit);
        try
        {
            var transform = ImageTransform.Of(config.Input, view => dataset.MeasureStatistics(dataset.Train, view));
            return new OpenedImages(dataset, transform, config.Augment.ToAugmentation(transform), config.Augment.ToMixing(), config.Threads);
        }
        catch
        {
            dataset.Dispose();
            throw;
        }
    }

    /// <summary>Batches for training: shuffled, augmented, mixed; without the last, partial batch of an epoch, unless it is the only one.</summary>
    /// <param name="batchSize">Images per batch.</param>
    /// <param name="seed">The seed of order and augmentation.</param>
    /// <param name="start">The position of the first batch.</param>
    /// <param name="processes">The processes that divide each batch; by default one.</param>
    public ImageLoader TrainingBatches(int batchSize, ulong seed, DataPosition start = default, Communicator? processes = null) => new(Dataset, Dataset.Train, Options(batchSize) with
    {
        Augmentation = Augmentation, Mixing = Mixing, Shuffle = true, DropLast = Dataset.Train.Length >= batchSize, Seed = seed, Processes = processes ?? Communicator.Single,
    }, start);

    /// <summary>Batches for evaluation: in order, without augmentation, each image once per epoch.</summary>
    /// <param name="indices">The images of a split.</param>
    /// <param name="batchSize">Images per batch.</param>
    public ImageLoader EvaluationBatches(int[] indices, int batchSize) => new(Dataset, indices, Options(batchSize));

    ImageLoaderOptions Options(int batchSize)
    {
        var options = new ImageLoaderOptions { Transform = Transform, BatchSize = batchSize };
        return Threads is { } threads ? options with { Threads = threads } : options;
    }

    static string Generate(GeneratedImagesConfig drawn, string folder, CancellationToken cancel)
    {
        var kind = drawn.Generator.ToString().ToLowerInvariant();
        var path = Path.Combine(folder, $"{kind}-v{ImageGenerator.Version}-{drawn.Count}x{drawn.Side}-seed{drawn.Seed}");
        // A data set is written completely or not at all, so one that exists is complete.
        if (Directory.Exists(path)) return path;
        try
        {
            ImageGenerator.Write(drawn.Generator, path, drawn.Count, drawn.Seed, drawn.Side, cancel: cancel);
        }
        catch (UserException) when (Directory.Exists(path))
        {
            // Another process drew the same set first.
        }
        return path;
    }

    /// <inheritdoc/>
    public void Dispose() => Dataset.Dispose();
}
