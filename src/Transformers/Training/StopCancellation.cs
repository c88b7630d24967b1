namespace Transformers.Training;

/// <summary>A cancellation token that follows a <see cref="StopRequest"/>, for work before the first step.</summary>
sealed class StopCancellation : IDisposable
{
    readonly CancellationTokenSource source = new();
    readonly Timer timer;

    internal StopCancellation(StopRequest stop) =>
        timer = new Timer(_ =>
        {
            if (stop.Reason is not null) source.Cancel();
        }, null, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));

    internal CancellationToken Token => source.Token;

    public void Dispose()
    {
        timer.Dispose();
        source.Dispose();
    }
}
