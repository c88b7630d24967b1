using System.Runtime.ExceptionServices;

namespace Transformers.IO;

/// <summary>Work on all processors.</summary>
static class AllCores
{
    /// <summary>Runs an action for 0 to count - 1; rethrows the first failure unwrapped.</summary>
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

/// <summary>Ends this process immediately.</summary>
public static partial class ProcessEnd
{
    /// <summary>Ends the process without running handlers, or the destructors of native libraries whose threads are still
    /// running.</summary>
    /// <param name="code">The exit code.</param>
    public static void Now(int code)
    {
        if (!OperatingSystem.IsWindows()) Exit(code);
        Environment.Exit(code);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}

/// <summary>Reports how much of some work is done, as a fraction from 0 to 1.</summary>
public static class WorkProgress
{
    /// <summary>Passes items on, and reports after each how many of them are done.</summary>
    /// <param name="items">The items, each of which is done when the next one is requested.</param>
    /// <param name="total">Their number, or the sum of their sizes.</param>
    /// <param name="progress">Receives the fraction; may be null.</param>
    /// <param name="size">The size of an item; null if each counts as 1.</param>
    public static IEnumerable<T> Counted<T>(this IEnumerable<T> items, long total, Action<double>? progress, Func<T, long>? size = null) =>
        progress is null ? items : Count(items, total, progress, size);

    static IEnumerable<T> Count<T>(IEnumerable<T> items, long total, Action<double> progress, Func<T, long>? size)
    {
        long done = 0;
        foreach (var item in items)
        {
            // Read before the item is passed on, since its consumer may dispose of it.
            var own = size?.Invoke(item) ?? 1;
            yield return item;
            done += own;
            progress(Math.Clamp((double)done / Math.Max(1, total), 0, 1));
        }
    }
}
