namespace Transformers.Training;

/// <summary>Asks a run to end, and says why; safe from any thread and from a signal handler.</summary>
public sealed class StopRequest
{
    readonly CancellationTokenSource source = new();
    volatile string? reason;
    volatile bool save;

    /// <summary>Why the run is to end, or null.</summary>
    public string? Reason => reason;

    /// <summary>Cancels what need not be finished first: all but a step and a save.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Asks; the first reason stays.</summary>
    public void Ask(string why)
    {
        if (Interlocked.CompareExchange(ref reason, why, null) is null) source.Cancel();
    }

    /// <summary>Asks for a checkpoint after the current step; the run continues.</summary>
    public void AskForSave() => save = true;

    internal bool TakeSave()
    {
        var asked = save;
        save = false;
        return asked;
    }
}

/// <summary>Asks a run to end once a time has passed.</summary>
sealed class TimeLimit : IDisposable
{
    // A timer waits for 49 days at most: a longer time is waited for in parts.
    static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    readonly Timer timer;
    readonly StopRequest stop;
    TimeSpan left;

    /// <summary>Begins to wait.</summary>
    internal TimeLimit(TimeSpan time, StopRequest stop)
    {
        this.stop = stop;
        left = time > TimeSpan.Zero ? time : TimeSpan.Zero;
        timer = new Timer(_ => Next());
        Next();
    }

    void Next()
    {
        if (left == TimeSpan.Zero)
        {
            stop.Ask("max_time");
            return;
        }
        var part = left < Longest ? left : Longest;
        left -= part;
        timer.Change(part, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Waits no longer.</summary>
    public void Dispose() => timer.Dispose();
}
