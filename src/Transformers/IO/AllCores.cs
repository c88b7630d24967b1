using System.Runtime.ExceptionServices;

namespace Transformers.IO;

/// <summary>Work on all processors.</summary>
static class AllCores
{
    /// <summary>Does something for 0, 1, …; the first failure is thrown as itself.</summary>
    /// <param name="count">How often.</param>
    /// <param name="action">What is done, on any thread and in any order.</param>
    /// <param name="cancel">Stops the work.</param>
    internal static void For(int count, Action<int> action, CancellationToken cancel = default)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancel }, action);
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }
}
