using System.Diagnostics;
using Transformers.Data;

namespace Transformers.Training;

/// <summary>Gives batches in order and has the next one made on another thread meanwhile.</summary>
/// <param name="at">Makes the batch of a position, on any thread.</param>
/// <param name="next">The position after another.</param>
/// <param name="batchesPerEpoch">Batches of a pass over the data.</param>
sealed class BatchStream<T>(Func<BatchPosition, T> at, Func<BatchPosition, BatchPosition> next, int batchesPerEpoch) : IDisposable
{
    readonly Stopwatch clock = Stopwatch.StartNew();
    TimeSpan waited;
    BatchPosition position;
    Task<T>? ahead;

    /// <summary>The fraction of time spent waiting for a batch.</summary>
    internal double Wait => waited / clock.Elapsed;

    internal IReadOnlyDictionary<string, long> State
    {
        get => new Dictionary<string, long> { ["epoch"] = position.Epoch, ["batch"] = position.Batch };
        set
        {
            DataPosition.Check(value["epoch"], "batch", value["batch"], batchesPerEpoch);
            ahead = null;
            position = new BatchPosition((int)value["epoch"], (int)value["batch"]);
        }
    }

    internal T Next()
    {
        var started = Stopwatch.GetTimestamp();
        var batch = ahead is null ? at(position) : ahead.GetAwaiter().GetResult();
        waited += Stopwatch.GetElapsedTime(started);
        var following = position = next(position);
        ahead = Task.Run(() => at(following));
        return batch;
    }

    /// <summary>Waits for the batch that is being made. An error in one that nobody takes is ignored.</summary>
    public void Dispose() => ahead?.ContinueWith(_ => { }, TaskContinuationOptions.ExecuteSynchronously).Wait();
}
