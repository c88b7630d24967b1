using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

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
