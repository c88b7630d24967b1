using Transformers.Generators.Drawing;
using Transformers.IO.Images;
using Transformers.Processes;

namespace Transformers.Data.Images;

/// <summary>How batches are made.</summary>
public sealed record ImageLoaderOptions
{
    /// <summary>How an image becomes the model's input.</summary>
    public required ImageTransform Transform { get; init; }
    /// <summary>The batch size B.</summary>
    public required int BatchSize { get; init; }
    /// <summary>The random augmentation of an image; null for none.</summary>
    public ImageAugmentation? Augmentation { get; init; }
    /// <summary>Mixup and CutMix, or null.</summary>
    public BatchMixing? Mixing { get; init; }
    /// <summary>Whether each epoch has a new order; otherwise images are in the order of the indices.</summary>
    public bool Shuffle { get; init; }
    /// <summary>Whether to leave out an incomplete batch at the end of an epoch.</summary>
    public bool DropLast { get; init; }
    /// <summary>The seed of order and augmentation.</summary>
    public ulong Seed { get; init; }
    /// <summary>The processes that divide a batch's rows: each loads its own, unless mixing needs all of them.</summary>
    public Communicator Processes { get; init; } = Communicator.Single;
    /// <summary>Background threads, at least 1.</summary>
    public int Threads { get; init; } = Math.Max(1, Math.Min(Environment.ProcessorCount - 1, 8));
    /// <summary>The number of batches to prefetch, at least 1.</summary>
    public int Ahead { get; init; } = 4;
}

/// <summary>Makes batches on background threads, in an order and with contents that depend on seed, epoch and index alone.</summary>
public sealed class ImageLoader : IBatchStream<ImageBatch>
{
    readonly ImageDataset dataset;
    readonly int[] indices;
    readonly ImageLoaderOptions options;
    readonly Prefetcher<ImageBatch> prefetcher;
    readonly int window;
    readonly Lock guard = new();
    readonly Stack<float[]> memory = new();
    (long Epoch, int[] Order) order = (-1, []);

    /// <summary>Starts making batches.</summary>
    /// <param name="dataset">Where the images come from; it outlives the loader.</param>
    /// <param name="indices">The images of one split.</param>
    /// <param name="options">How batches are made.</param>
    /// <param name="start">The position of the first batch.</param>
    /// <exception cref="UserException">There are too few images for one batch.</exception>
    public ImageLoader(ImageDataset dataset, int[] indices, ImageLoaderOptions options, DataPosition start = default)
    {
        (this.dataset, this.indices, this.options) = (dataset, indices, options);
        if (options.BatchSize < 1 || options.Threads < 1 || options.Ahead < 1) throw new ArgumentException("batch size, threads and batches ahead must be at least 1");
        if (indices.Length == 0) throw new UserException("there are no images to load");
        BatchesPerEpoch = options.DropLast ? indices.Length / options.BatchSize : (indices.Length - 1) / options.BatchSize + 1;
        if (BatchesPerEpoch == 0)
            throw new UserException($"the batch ({options.BatchSize}) is larger than the {indices.Length} images to train on", "lower the batch size");
        window = Window();
        prefetcher = new Prefetcher<ImageBatch>(Make, BatchesPerEpoch, start, window, Math.Min(options.Threads, window));
    }

    /// <summary>Batches per epoch.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>The position of the batch that <see cref="Next"/> returns; setting it drops the batches made ahead.</summary>
    /// <exception cref="UserException">The images have no such position.</exception>
    public DataPosition Position { get => prefetcher.Position; set => prefetcher.Position = value; }

    // Fewer batches ahead than threads would leave threads idle; but batches of large images must not fill the memory.
    int Window() => WindowFor(Math.Max(options.Ahead, options.Threads + 1), 4L * options.BatchSize * options.Transform.Channels * options.Transform.Size * options.Transform.Size, new MemoryLimits().Room()?.Bytes);

    /// <summary>The number of batches made ahead: as many as wanted, within an eighth of the free memory, and at least one.</summary>
    internal static int WindowFor(int wanted, long batchBytes, long? free) => free is { } bytes ? (int)Math.Clamp(bytes / 8 / batchBytes, 1, wanted) : wanted;

    /// <summary>The fraction of time that <see cref="Next"/> has waited for data.</summary>
    public double WaitFraction => prefetcher.WaitFraction;

    /// <summary>The next batch; after the last batch of an epoch comes the first of the next.</summary>
    /// <exception cref="ImageException">A file is broken and the policy is to fail.</exception>
    public ImageBatch Next() => prefetcher.Next();

    /// <summary>The batches from here to the end of the epoch.</summary>
    public IEnumerable<ImageBatch> RestOfEpoch()
    {
        for (var epoch = Position.Epoch; Position.Epoch == epoch;) yield return Next();
    }

    int[] Order(long epoch)
    {
        if (!options.Shuffle) return indices;
        lock (guard)
        {
            if (order.Epoch == epoch) return order.Order;
            var shuffled = (int[])indices.Clone();
            new SampleRandom(options.Seed, 0x6F72646572, (ulong)epoch).Shuffle(shuffled.AsSpan());
            order = (epoch, shuffled);
            return shuffled;
        }
    }

    ImageBatch Make(DataPosition position)
    {
        var transform = options.Transform;
        var all = Order(position.Epoch);
        var first = (int)position.Next * options.BatchSize;
        var rows = Math.Min(options.BatchSize, all.Length - first);
        var (firstRow, own) = options.Mixing is null ? options.Processes.PartOf(rows) : (0, rows);
        var chosen = all.AsSpan(first + firstRow, own);
        var pixels = Rent();
        var kept = new List<int>(chosen.Length);
        foreach (var index in chosen)
        {
            var random = new SampleRandom(options.Seed, 0x696D616765, (ulong)position.Epoch, (ulong)index);
            if (dataset.Load(index, transform, options.Augmentation, random, pixels.AsSpan(kept.Count * transform.Values, transform.Values)))
                kept.Add(index);
        }
        var labels = kept.Select(i => (long)dataset.Source.LabelOf(i)).ToArray();
        var used = pixels.AsSpan(0, kept.Count * transform.Values);
        var targets = options.Mixing?.Apply(used, labels, dataset.Classes.Count, transform.Channels, transform.Size, transform.Size,
            new SampleRandom(options.Seed, 0x6D6978, (ulong)position.Epoch, (ulong)position.Next));
        (int, int)? part = own < rows ? (firstRow, rows) : null;
        if (used.Length == pixels.Length) return new ImageBatch(pixels, labels, [.. kept], targets, Return) { Epoch = (int)position.Epoch, Number = (int)position.Next, Part = part };
        var shorter = used.ToArray();
        Return(pixels);
        return new ImageBatch(shorter, labels, [.. kept], targets, null) { Epoch = (int)position.Epoch, Number = (int)position.Next, Part = part };
    }

    float[] Rent()
    {
        lock (guard)
            if (memory.TryPop(out var pixels)) return pixels;
        // The parts of a batch differ by at most one row.
        var rows = options.Mixing is null ? (options.BatchSize + options.Processes.Size - 1) / options.Processes.Size : options.BatchSize;
        return GC.AllocateUninitializedArray<float>(checked(rows * options.Transform.Values));
    }

    void Return(float[] pixels)
    {
        lock (guard)
            if (memory.Count <= window) memory.Push(pixels);
    }

    /// <summary>Stops the threads and waits for them.</summary>
    public void Dispose() => prefetcher.Dispose();
}

/// <summary>Images and labels for one step. Disposing of it releases its pixels' memory for reuse.</summary>
public sealed class ImageBatch : IDisposable
{
    Action<float[]>? recycle;

    internal ImageBatch(float[] pixels, long[] labels, int[] indices, float[]? targets, Action<float[]>? recycle)
    {
        (Pixels, Labels, Indices, Targets) = (pixels, labels, indices, targets);
        this.recycle = recycle;
    }

    /// <summary>[B, C, Y, X], normalised.</summary>
    public float[] Pixels { get; }

    /// <summary>B classes.</summary>
    public long[] Labels { get; }

    /// <summary>The indices of the B images in the source.</summary>
    public int[] Indices { get; }

    /// <summary>Mixed targets, [B, N], whose rows sum to 1; null without mixing.</summary>
    public float[]? Targets { get; }

    /// <summary>B; less than the batch size at the end of an epoch or if broken files were skipped.</summary>
    public int Count => Labels.Length;

    /// <summary>If these images are one process's part of a batch, the position of the first one in the batch, and the batch's rows; null for a whole batch.</summary>
    public (int First, int Rows)? Part { get; init; }

    /// <summary>The epoch that the batch belongs to, from 0.</summary>
    public required int Epoch { get; init; }

    /// <summary>Its number in that epoch, from 0.</summary>
    public required int Number { get; init; }

    /// <summary>Releases the pixels' memory; they must not be read afterwards.</summary>
    public void Dispose() => Interlocked.Exchange(ref recycle, null)?.Invoke(Pixels);
}

/// <summary>The images of a config, divided into splits, and how they become a model's input.</summary>
/// <param name="Dataset">The images; whoever opened them disposes of them.</param>
/// <param name="Transform">The transform without augmentation; stored in checkpoints.</param>
/// <param name="Augmentation">The random augmentation of a training image, or null.</param>
/// <param name="Mixing">The random mixing of a training batch, or null.</param>
/// <param name="Threads">Threads that make batches, or null for the loader's own choice.</param>
public sealed record OpenedImages(ImageDataset Dataset, ImageTransform Transform, ImageAugmentation? Augmentation, BatchMixing? Mixing, int? Threads) : IDisposable
{
    /// <summary>Opens what a config names; generated images are drawn once and kept.</summary>
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
    /// <param name="processes">The processes that divide each batch; by default one.</param>
    public ImageLoader TrainingBatches(int batchSize, ulong seed, Communicator? processes = null) => new(Dataset, Dataset.Train, Options(batchSize) with
    {
        Augmentation = Augmentation, Mixing = Mixing, Shuffle = true, DropLast = Dataset.Train.Length >= batchSize, Seed = seed, Processes = processes ?? Communicator.Single,
    });

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
