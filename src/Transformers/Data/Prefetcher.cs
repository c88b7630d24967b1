using System.Threading.Channels;
using Transformers.Data.Text;

namespace Transformers.Data;

/// <summary>Batches in order, from a position that checkpoints keep.</summary>
public interface IBatchStream<out T> : IDisposable
{
    /// <summary>The next batch.</summary>
    T Next();

    /// <summary>The position of the batch that <see cref="Next"/> returns.</summary>
    /// <exception cref="IO.UserException">The data have no such position.</exception>
    DataPosition Position { get; set; }

    /// <summary>The fraction of time since the start that <see cref="Next"/> has waited.</summary>
    double WaitFraction { get; }
}

/// <summary>Prefetches batches on other threads and returns them in order.</summary>
/// <remarks>Its position is that after the last batch taken, not that of the prefetched batches.</remarks>
public sealed class Prefetcher<T> : IBatchStream<T>
{
    readonly Func<DataPosition, CancellationToken, (Task<T> Batch, DataPosition After)> start;
    readonly Action<DataPosition> seek;
    readonly int ahead;
    readonly Stopwatch clock = Stopwatch.StartNew();
    Channel<(Task<T> Batch, DataPosition After)> ready = null!;
    CancellationTokenSource stop = null!;
    Task producer = null!;
    DataPosition position;
    bool disposed;

    /// <summary>Starts making batches, each of which depends on its position alone.</summary>
    /// <param name="at">Makes the batch at a position, on any thread.</param>
    /// <param name="batchesPerEpoch">Batches per pass over the data.</param>
    /// <param name="position">The position of the first batch.</param>
    /// <param name="ahead">How many batches are kept ready.</param>
    /// <param name="threads">How many are made at a time.</param>
    /// <exception cref="IO.UserException">The data have no such position.</exception>
    public Prefetcher(Func<DataPosition, T> at, long batchesPerEpoch, DataPosition position = default, int ahead = 4, int threads = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ahead, 1);
        var scheduler = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, threads).ConcurrentScheduler;
        start = (now, cancel) => (Task.Factory.StartNew(() => at(now), cancel, TaskCreationOptions.None, scheduler), now.Following(batchesPerEpoch));
        seek = wanted => wanted.Check("batch", batchesPerEpoch);
        (this.position, this.ahead) = (position, ahead);
        seek(position);
        Start();
    }

    Prefetcher(ITextSampler sampler, int ahead)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ahead, 1);
        start = (_, _) => (Task.FromResult((T)(object)sampler.Next()), sampler.State);
        seek = wanted => sampler.State = wanted;
        (position, this.ahead) = (sampler.State, ahead);
        Start();
    }

    /// <summary>Starts making batches of text; the sampler belongs to the prefetcher from now on.</summary>
    /// <param name="sampler">Makes the batches.</param>
    /// <param name="ahead">How many batches are kept ready.</param>
    public static Prefetcher<TextBatch> FromSampler(ITextSampler sampler, int ahead = 4) => new(sampler, ahead);

    /// <summary>The total time that <see cref="Next"/> has waited.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The fraction of time since the start that <see cref="Next"/> has waited.</summary>
    public double WaitFraction => Waited / clock.Elapsed;

    /// <summary>The number of batches that are ready to be taken.</summary>
    public int Ready => ready.Reader.Count;

    /// <summary>The position of the batch that <see cref="Next"/> returns; setting it drops the prefetched batches.</summary>
    /// <exception cref="IO.UserException">The data have no such position; the old one stays.</exception>
    public DataPosition Position
    {
        get => position;
        set
        {
            Stop();
            try
            {
                seek(value);
                position = value;
            }
            catch
            {
                seek(position);
                throw;
            }
            finally
            {
                Start();
            }
        }
    }

    /// <summary>The next batch. An exception of the thread that makes it is thrown here, in its turn and every time after.</summary>
    public T Next()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var waits = !ready.Reader.TryPeek(out var entry) || !entry.Batch.IsCompleted;
        var started = Stopwatch.GetTimestamp();
        while (!ready.Reader.TryPeek(out entry)) ready.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult();
        var batch = entry.Batch.GetAwaiter().GetResult();
        if (waits) Waited += Stopwatch.GetElapsedTime(started);
        ready.Reader.TryRead(out _);
        position = entry.After;
        return batch;
    }

    /// <summary>Ends the threads and waits for them.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        Stop();
    }

    void Start()
    {
        stop = new CancellationTokenSource();
        ready = Channel.CreateBounded<(Task<T>, DataPosition)>(new BoundedChannelOptions(ahead) { SingleWriter = true });
        producer = Task.Run(() => Produce(ready.Writer, position, stop.Token));
    }

    async Task Produce(ChannelWriter<(Task<T>, DataPosition)> writer, DataPosition next, CancellationToken cancel)
    {
        try
        {
            // Waits for room before making a batch, so that no more than the requested number exist.
            while (await writer.WaitToWriteAsync(cancel))
            {
                cancel.ThrowIfCancellationRequested();
                var made = start(next, cancel);
                writer.TryWrite(made);
                next = made.After;
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested) { }
        catch (Exception exception)
        {
            writer.TryWrite((Task.FromException<T>(exception), next));
        }
    }

    void Stop()
    {
        stop.Cancel();
        producer.GetAwaiter().GetResult();
        // Waits for batches that nobody takes; their exceptions must not hide others.
        while (ready.Reader.TryRead(out var left)) ((Task)left.Batch).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        stop.Dispose();
    }
}

/// <summary>A position in training data: all that a checkpoint has to keep of a sampler.</summary>
/// <param name="Epoch">Completed passes over the data; 0 for samplers without passes.</param>
/// <param name="Next">The next batch, block or document of this pass, from 0.</param>
/// <param name="Offset">Tokens of that document that have been used.</param>
/// <param name="Batches">Batches drawn so far.</param>
public readonly record struct DataPosition(long Epoch, long Next, long Offset = 0, long Batches = 0)
{
    /// <summary>The position after one batch.</summary>
    /// <param name="count">Batches per pass.</param>
    public DataPosition Following(long count) =>
        Next + 1 < count ? this with { Next = Next + 1, Batches = Batches + 1 } : new(Epoch + 1, 0, 0, Batches + 1);

    /// <summary>Refuses a position that the data, divided as they are now, do not have.</summary>
    /// <param name="unit">What <see cref="Next"/> counts, such as <c>batch</c>.</param>
    /// <param name="count">How many of them a pass has.</param>
    /// <exception cref="UserException">The position does not exist.</exception>
    public void Check(string unit, long count)
    {
        if (Offset < 0 || Batches < 0) throw new UserException($"the sampler's offset ({Offset}) and batches ({Batches}) must not be negative", Remedy);
        if (Epoch is < 0 or > int.MaxValue || Next < 0 || Next >= count)
            throw new UserException($"the data cannot continue at {unit} {Next} of epoch {Epoch}: an epoch has {count}, counted from 0",
                "the data, their batches or their sizes have changed since the checkpoint: restore them, or give the run another folder with --run and these weights with --from");
    }

    // For a state that this program did not write.
    const string Remedy = "resume from another checkpoint with --resume=PATH, or give the run another folder with --run and these weights with --from";

    /// <summary>The numbers that a checkpoint stores.</summary>
    public IReadOnlyDictionary<string, long> ToState() =>
        new Dictionary<string, long> { ["batches"] = Batches, ["epoch"] = Epoch, ["next"] = Next, ["offset"] = Offset };

    /// <summary>Reads the numbers of a checkpoint; older ones call <see cref="Next"/> <c>batch</c>.</summary>
    /// <exception cref="UserException">A number is missing.</exception>
    public static DataPosition FromState(IReadOnlyDictionary<string, long> state)
    {
        return new(Number("epoch"), state.TryGetValue("batch", out var batch) ? batch : Number("next"), state.GetValueOrDefault("offset"), state.GetValueOrDefault("batches"));

        long Number(string name) => state.TryGetValue(name, out var number) ? number : throw new UserException($"the checkpoint's trainer.sampler has no {name}", Remedy);
    }
}
