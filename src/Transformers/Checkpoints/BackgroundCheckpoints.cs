using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Transformers.Checkpoints;

/// <summary>Saves checkpoints on another thread while training continues; at most one at a time.</summary>
/// <remarks>
/// The contents must be a snapshot: nothing in it may change once it is given. A failure is not lost: the next call of any method but
/// <see cref="Dispose"/> throws it, so end a run with <see cref="Wait"/>.
/// </remarks>
/// <param name="store">Where the checkpoints go. Only this object may write to it until <see cref="Wait"/> has returned.</param>
/// <param name="policy">Which checkpoints stay.</param>
public sealed class BackgroundCheckpoints(CheckpointStore store, CheckpointPolicy policy) : IDisposable
{
    Thread? worker;
    volatile SaveReport? report;
    volatile ExceptionDispatchInfo? failure;

    /// <summary>Whether a save is being written at this moment.</summary>
    public bool Busy => worker is { IsAlive: true };

    /// <summary>How long the last save in the background took; 0 before one has ended.</summary>
    public double LastSeconds { get; private set; }

    /// <summary>What the last save that ended well did, if any; given once.</summary>
    public SaveReport? TakeReport() => Interlocked.Exchange(ref report, null);

    /// <summary>Throws what the last save failed with, if it has ended and failed; never waits. To be called at every step.</summary>
    /// <exception cref="CheckpointException">The last save failed.</exception>
    public void ThrowIfFailed() => Interlocked.Exchange(ref failure, null)?.Throw();

    /// <summary>Waits for the save in flight, if any, and throws what it failed with.</summary>
    /// <exception cref="CheckpointException">The last save failed.</exception>
    public void Wait()
    {
        worker?.Join();
        worker = null;
        ThrowIfFailed();
    }

    /// <summary>Waits for the save in flight, if any; a failure is left for the next call that throws it.</summary>
    public void Settle() => worker?.Join();

    /// <summary>Begins to save snapshots, in their order, each disposed of at its end, and returns; waits first for the save in flight, if any.</summary>
    /// <param name="snapshots">What to save; nothing in them may change from now on.</param>
    /// <exception cref="CheckpointException">The save before failed; these are not begun, and disposed of.</exception>
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
        // A foreground thread: the process does not end in the middle of a save by returning from its main method.
        worker = new Thread(() => Run(snapshots)) { Name = "checkpoint", IsBackground = false };
        worker.Start();
    }

    /// <summary>Saves, disposes of the contents, and returns when the checkpoint is durable; waits first for the one in flight, if any.</summary>
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
