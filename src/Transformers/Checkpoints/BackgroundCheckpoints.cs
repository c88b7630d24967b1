using System.Runtime.ExceptionServices;

namespace Transformers.Checkpoints;

/// <summary>Saves checkpoints on another thread while training goes on; at most one at a time.</summary>
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

    /// <summary>Begins a save, which disposes of the snapshot at its end, and returns; waits first for the one in flight, if any.</summary>
    /// <param name="snapshot">What to save; nothing in it may change from now on.</param>
    /// <exception cref="CheckpointException">The save before failed; this one is not begun, and its snapshot disposed of.</exception>
    public void Begin(CheckpointContents snapshot)
    {
        try
        {
            Wait();
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
        // A foreground thread: the process does not end in the middle of a save by returning from its main method.
        worker = new Thread(() => Run(snapshot)) { Name = "checkpoint", IsBackground = false };
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

    void Run(CheckpointContents snapshot)
    {
        try
        {
            report = store.Save(snapshot, policy);
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            snapshot.Dispose();
        }
    }

    /// <summary>Waits for the save in flight. Throws nothing, so that it hides no other exception.</summary>
    public void Dispose() => Settle();
}
