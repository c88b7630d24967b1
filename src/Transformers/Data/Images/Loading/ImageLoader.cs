using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Transformers.Data.Images.Transforms;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Loading;

/// <summary>Where a loader stands: the batch that comes next.</summary>
/// <param name="Epoch">From 0.</param>
/// <param name="Batch">Its number in the epoch, from 0.</param>
public readonly record struct ImageLoaderState(int Epoch, int Batch);

/// <summary>How batches are made.</summary>
public sealed record ImageLoaderOptions
{
    /// <summary>Size and statistics.</summary>
    public required ImageTransform Transform { get; init; }
    /// <summary>B.</summary>
    public required int BatchSize { get; init; }
    /// <summary>What is random in a picture; null: nothing is.</summary>
    public ImageAugmentation? Augmentation { get; init; }
    /// <summary>Mixup and CutMix, or null.</summary>
    public BatchMixing? Mixing { get; init; }
    /// <summary>A new order each epoch; otherwise the order of the indices given.</summary>
    public bool Shuffle { get; init; }
    /// <summary>Leaves out what does not fill a batch at an epoch's end.</summary>
    public bool DropLast { get; init; }
    /// <summary>Decides order and augmentation.</summary>
    public ulong Seed { get; init; }
    /// <summary>Background threads, at least 1.</summary>
    public int Threads { get; init; } = Math.Max(1, Math.Min(Environment.ProcessorCount - 1, 8));
    /// <summary>Batches made ahead, at least 1.</summary>
    public int Ahead { get; init; } = 4;
}

/// <summary>Makes batches on background threads, in an order and with contents that depend on seed, epoch and index alone.</summary>
public sealed class ImageLoader : IDisposable
{
    readonly ImageDataset dataset;
    readonly int[] indices;
    readonly ImageLoaderOptions options;
    readonly Lock memoryGuard = new();
    readonly Stack<float[]> memory = new();
    readonly object guard = new();
    readonly Dictionary<ImageLoaderState, object> ready = [];
    readonly Thread[] threads;
    (int Epoch, int[] Order) order = (-1, []);
    ImageLoaderState next, ahead;
    int madeAhead;
    bool stopped;

    /// <summary>Starts making batches.</summary>
    /// <param name="dataset">Where the images come from; it outlives the loader.</param>
    /// <param name="indices">The images of one split.</param>
    /// <param name="options">How batches are made.</param>
    /// <param name="start">Where to go on; the first batch of the first epoch unless told.</param>
    /// <exception cref="UserException">There is not one whole batch.</exception>
    public ImageLoader(ImageDataset dataset, int[] indices, ImageLoaderOptions options, ImageLoaderState start = default)
    {
        (this.dataset, this.indices, this.options) = (dataset, indices, options);
        if (options.BatchSize < 1 || options.Threads < 1 || options.Ahead < 1) throw new ArgumentException("batch size, threads and batches ahead must be at least 1");
        if (indices.Length == 0) throw new UserException("there are no images to load");
        BatchesPerEpoch = options.DropLast ? indices.Length / options.BatchSize : (indices.Length - 1) / options.BatchSize + 1;
        if (BatchesPerEpoch == 0)
            throw new UserException($"the batch ({options.BatchSize}) is larger than the {indices.Length} images to train on", "lower the batch size");
        DataPosition.Check(start.Epoch, "batch", start.Batch, BatchesPerEpoch);
        next = ahead = start;
        threads = [.. Enumerable.Range(0, options.Threads).Select(i => new Thread(Work) { IsBackground = true, Name = $"images {i}" })];
        foreach (var thread in threads) thread.Start();
    }

    /// <summary>Batches an epoch.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>The batch that <see cref="Next"/> gives next; saved with a checkpoint, it continues exactly here.</summary>
    public ImageLoaderState State => next;

    // Fewer batches ahead than threads would leave threads idle.
    int Window => Math.Max(options.Ahead, options.Threads + 1);

    /// <summary>How long <see cref="Next"/> has waited for data in all.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The next batch; after an epoch's last comes the following epoch's first.</summary>
    /// <exception cref="ImageException">A file is broken and the policy is to fail.</exception>
    public ImageBatch Next()
    {
        object? result;
        lock (guard)
        {
            ObjectDisposedException.ThrowIf(stopped, this);
            if (!ready.Remove(next, out result))
            {
                var start = Stopwatch.GetTimestamp();
                while (!ready.Remove(next, out result)) Monitor.Wait(guard);
                Waited += Stopwatch.GetElapsedTime(start);
            }
            next = Following(next);
            madeAhead--;
            Monitor.PulseAll(guard);
        }
        if (result is ExceptionDispatchInfo failure) failure.Throw();
        return (ImageBatch)result;
    }

    /// <summary>The batches from here to the end of the epoch.</summary>
    public IEnumerable<ImageBatch> RestOfEpoch()
    {
        for (var epoch = next.Epoch; next.Epoch == epoch;) yield return Next();
    }

    ImageLoaderState Following(ImageLoaderState state) =>
        state.Batch + 1 < BatchesPerEpoch ? state with { Batch = state.Batch + 1 } : new ImageLoaderState(state.Epoch + 1, 0);

    void Work()
    {
        for (;;)
        {
            ImageLoaderState mine;
            lock (guard)
            {
                while (!stopped && madeAhead >= Window) Monitor.Wait(guard);
                if (stopped) return;
                mine = ahead;
                ahead = Following(ahead);
                madeAhead++;
            }
            object result;
            try
            {
                result = Make(mine);
            }
            catch (Exception exception)
            {
                // Thrown where the batch is asked for, in its turn: nothing before it is lost.
                result = ExceptionDispatchInfo.Capture(exception);
            }
            lock (guard)
            {
                ready.Add(mine, result);
                Monitor.PulseAll(guard);
            }
        }
    }

    int[] Order(int epoch)
    {
        if (!options.Shuffle) return indices;
        lock (memoryGuard)
        {
            if (order.Epoch == epoch) return order.Order;
            var shuffled = (int[])indices.Clone();
            new SampleRandom(options.Seed, 0x6F72646572, (ulong)epoch).Shuffle(shuffled.AsSpan());
            order = (epoch, shuffled);
            return shuffled;
        }
    }

    ImageBatch Make(ImageLoaderState state)
    {
        var transform = options.Transform;
        var all = Order(state.Epoch);
        var first = state.Batch * options.BatchSize;
        var chosen = all.AsSpan(first, Math.Min(options.BatchSize, all.Length - first));
        var pixels = Take();
        var kept = new List<int>(chosen.Length);
        foreach (var index in chosen)
        {
            var random = new SampleRandom(options.Seed, 0x696D616765, (ulong)state.Epoch, (ulong)index);
            if (dataset.Load(index, transform, options.Augmentation, random, pixels.AsSpan(kept.Count * transform.Values, transform.Values)))
                kept.Add(index);
        }
        var labels = kept.Select(i => (long)dataset.Source.LabelOf(i)).ToArray();
        var used = pixels.AsSpan(0, kept.Count * transform.Values);
        var targets = options.Mixing?.Apply(used, labels, dataset.Classes.Count, transform.Channels, transform.Size, transform.Size,
            new SampleRandom(options.Seed, 0x6D6978, (ulong)state.Epoch, (ulong)state.Batch));
        if (used.Length == pixels.Length) return new ImageBatch(pixels, labels, [.. kept], targets, GiveBack) { Epoch = state.Epoch, Number = state.Batch };
        var shorter = used.ToArray();
        GiveBack(pixels);
        return new ImageBatch(shorter, labels, [.. kept], targets, null) { Epoch = state.Epoch, Number = state.Batch };
    }

    float[] Take()
    {
        lock (memoryGuard)
            if (memory.TryPop(out var pixels)) return pixels;
        return GC.AllocateUninitializedArray<float>(checked(options.BatchSize * options.Transform.Values));
    }

    void GiveBack(float[] pixels)
    {
        lock (memoryGuard)
            if (memory.Count <= Window) memory.Push(pixels);
    }

    /// <summary>Stops the threads and waits for them.</summary>
    public void Dispose()
    {
        lock (guard)
        {
            stopped = true;
            Monitor.PulseAll(guard);
        }
        foreach (var thread in threads) thread.Join();
    }
}
