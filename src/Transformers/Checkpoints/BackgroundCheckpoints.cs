using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Transformers.Checkpoints;

/// <summary>Saves checkpoints on another thread while training continues; at most one at a time.</summary>
/// <remarks>
/// The contents must be a snapshot: nothing in it may change afterwards. A failure is not lost: the next call of
/// <see cref="ThrowIfFailed"/>, <see cref="Wait"/>, <see cref="Begin"/> or <see cref="SaveNow"/> throws it, so end a run with
/// <see cref="Wait"/>.
/// </remarks>
/// <param name="store">Where the checkpoints go. Only this object may write to it until <see cref="Wait"/> has returned.</param>
/// <param name="policy">Which checkpoints are kept.</param>
public sealed class BackgroundCheckpoints(CheckpointStore store, CheckpointPolicy policy) : IDisposable
{
    Thread? worker;
    volatile SaveReport? report;
    volatile ExceptionDispatchInfo? failure;

    /// <summary>Whether a save is being written at this moment.</summary>
    public bool Busy => worker is { IsAlive: true };

    /// <summary>Seconds that the last save in the background took; 0 before one has ended.</summary>
    public double LastSeconds { get; private set; }

    /// <summary>The report of the last successful save, if any; returned only once.</summary>
    public SaveReport? TakeReport() => Interlocked.Exchange(ref report, null);

    /// <summary>Throws the exception of a save that has failed; never waits. Call it at every step.</summary>
    /// <exception cref="CheckpointException">The last save failed.</exception>
    public void ThrowIfFailed() => Interlocked.Exchange(ref failure, null)?.Throw();

    /// <summary>Waits for the save in flight, if any, and throws its exception if it failed.</summary>
    /// <exception cref="CheckpointException">The last save failed.</exception>
    public void Wait()
    {
        worker?.Join();
        worker = null;
        ThrowIfFailed();
    }

    /// <summary>Waits for the save in flight, if any; a failure is left for the next call that throws it.</summary>
    public void Settle() => worker?.Join();

    /// <summary>Starts to save snapshots in order, which are disposed of at the end, and returns; first waits for the save in flight, if
    /// any.</summary>
    /// <param name="snapshots">What to save; nothing in them may change from now on.</param>
    /// <exception cref="CheckpointException">The previous save failed; these snapshots are not saved, and are disposed of.</exception>
    public void Begin(params IReadOnlyList<CheckpointContents> snapshots)
    {
        try
        {
            Wait();
        }
        catch
        {
            foreach (var snapshot in snapshots) snapshot.Dispose();
            throw;
        }
        // A foreground thread: returning from the main method does not end the process in the middle of a save.
        worker = new Thread(() => Run(snapshots)) { Name = "checkpoint", IsBackground = false };
        worker.Start();
    }

    /// <summary>Saves, disposes of the contents, and returns when the checkpoint is durable; first waits for the one in flight, if
    /// any.</summary>
    /// <exception cref="CheckpointException">This save, or the one before, failed.</exception>
    public SaveReport SaveNow(CheckpointContents contents)
    {
        using (contents)
        {
            Wait();
            return store.Save(contents, policy);
        }
    }

    void Run(IReadOnlyList<CheckpointContents> snapshots)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            foreach (var snapshot in snapshots) report = store.Save(snapshot, policy);
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            foreach (var snapshot in snapshots) snapshot.Dispose();
            LastSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
    }

    /// <summary>Waits for the save in flight. Throws nothing, so that it hides no other exception.</summary>
    public void Dispose() => Settle();
}
