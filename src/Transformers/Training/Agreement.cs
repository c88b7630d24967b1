using Transformers.Processes;

namespace Transformers.Training;

/// <summary>Lets all processes of a run end, save and cancel at the same point, whichever of them was asked to.</summary>
/// <remarks>One process asks its own <see cref="StopRequest"/> and nothing else.</remarks>
/// <param name="processes">All processes.</param>
/// <param name="stop">What this process is asked.</param>
sealed class Agreement(Communicator processes, StopRequest stop)
{
    static readonly string[] Reasons = ["sigint", "sigterm", "sighup", "max_time", "other"];

    string? agreed;
    bool save;

    /// <summary>All processes.</summary>
    internal Communicator Processes => processes;

    /// <summary>Why all are to end, or null.</summary>
    internal string? Reason => processes.IsAlone ? stop.Reason : agreed;

    /// <summary>Cancels at once what one process does alone; with several, nothing does that, since the others would wait for it.</summary>
    internal CancellationToken Token => processes.IsAlone ? stop.Token : CancellationToken.None;

    /// <summary>Whether a checkpoint was asked for since the last call.</summary>
    internal bool TakeSave()
    {
        if (processes.IsAlone) return stop.TakeSave();
        var asked = save;
        save = false;
        return asked;
    }

    /// <summary>Exchanges what each process was asked to do; collective.</summary>
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
        for (var i = 0; i < Reasons.Length && agreed is null; i++)
            if (numbers[i] > 0) stop.Ask(agreed = Reasons[i]);
        return numbers[^1];
    }

    /// <summary>Adds whole numbers and other counts of all processes.</summary>
    internal void Add(Span<double> counts) => processes.AllReduce(counts);

    /// <summary>Ends what is going on where the processes have agreed to stop.</summary>
    /// <exception cref="OperationCanceledException">They have.</exception>
    internal void ThrowIfStopped()
    {
        if (processes.IsAlone) stop.Token.ThrowIfCancellationRequested();
        else if (agreed is not null) throw new OperationCanceledException();
    }
}
