using Transformers.Processes;

namespace Transformers.Training;

/// <summary>Asks a run to end, with a reason; safe to use from any thread and from a signal handler.</summary>
public sealed class StopRequest
{
    readonly CancellationTokenSource source = new();
    volatile string? reason, agreed;
    volatile bool save;

    /// <summary>Why the run is to end, or null.</summary>
    public string? Reason => reason;

    /// <summary>Why all of several processes have agreed to end, or null; until then a reason is that of this process alone.</summary>
    public string? Agreed => agreed;

    /// <summary>Cancels everything that need not be finished first: all but a step and a save.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Asks the run to end; the first reason is kept.</summary>
    public void Ask(string why)
    {
        if (Interlocked.CompareExchange(ref reason, why, null) is null) source.Cancel();
    }

    /// <summary>Ends the run because all processes have agreed to.</summary>
    internal void Agree(string why)
    {
        Ask(why);
        agreed = why;
    }

    /// <summary>Asks for a checkpoint after the current step; the run continues.</summary>
    public void AskForSave() => save = true;

    // In one operation: a request between reading and resetting would be lost.
    internal bool TakeSave() => Interlocked.Exchange(ref save, false);
}

/// <summary>Asks a run to end once a time has passed.</summary>
sealed class TimeLimit : IDisposable
{
    // A timer waits for at most 49 days, so longer times are split.
    static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    readonly Timer timer;
    readonly StopRequest stop;
    TimeSpan left;

    /// <summary>Starts the timer.</summary>
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

    /// <summary>Stops the timer.</summary>
    public void Dispose() => timer.Dispose();
}

/// <summary>Makes all processes of a run end, save and cancel at the same point, whichever of them was asked to.</summary>
/// <remarks>A single process uses only its own <see cref="StopRequest"/>.</remarks>
/// <param name="stop">The requests to this process.</param>
sealed class Agreement(Communicator processes, StopRequest stop)
{
    static readonly string[] Reasons = ["sigint", "sigterm", "sighup", "max_time", "other"];

    bool save;

    /// <summary>Why all are to end, or null.</summary>
    internal string? Reason => processes.IsAlone ? stop.Reason : stop.Agreed;

    /// <summary>Cancels the work of a single process immediately; with several processes it never cancels, since the others would
    /// wait.</summary>
    internal CancellationToken Token => processes.IsAlone ? stop.Token : CancellationToken.None;

    /// <summary>Whether a checkpoint was asked for since the last call.</summary>
    internal bool TakeSave()
    {
        if (processes.IsAlone) return stop.TakeSave();
        var asked = save;
        save = false;
        return asked;
    }

    /// <summary>Exchanges the requests to each process; collective.</summary>
    /// <returns>The sum of a number over all processes.</returns>
    internal double Meet(double number = 0)
    {
        if (processes.IsAlone) return number;
        Span<double> numbers = stackalloc double[Reasons.Length + 2];
        numbers.Clear();
        numbers[^1] = number;
        numbers[^2] = stop.TakeSave() ? 1 : 0;
        if (stop.Reason is { } own) numbers[Array.IndexOf(Reasons, own) is >= 0 and var known ? known : Reasons.Length - 1] = 1;
        processes.AllReduce(numbers);
        save |= numbers[^2] > 0;
        for (var i = 0; i < Reasons.Length && stop.Agreed is null; i++)
            if (numbers[i] > 0) stop.Agree(Reasons[i]);
        return numbers[^1];
    }

    /// <summary>Sums counts over all processes, in place.</summary>
    internal void Add(Span<double> counts) => processes.AllReduce(counts);

    /// <summary>Throws if the processes have agreed to stop.</summary>
    /// <exception cref="OperationCanceledException">They have agreed to stop.</exception>
    internal void ThrowIfStopped()
    {
        if (processes.IsAlone) stop.Token.ThrowIfCancellationRequested();
        else if (stop.Agreed is not null) throw new OperationCanceledException();
    }
}
