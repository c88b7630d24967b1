using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Transformers.IO;

/// <summary>Work on all processors.</summary>
static class AllCores
{
    /// <summary>Does something for 0, 1, …; the first failure is thrown as itself.</summary>
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

/// <summary>Ends this process at once.</summary>
public static partial class ProcessEnd
{
    /// <summary>Ends the process without a word to anybody in it: no handlers, no destructors of native libraries under their running threads.</summary>
    /// <param name="code">The exit code.</param>
    public static void Now(int code)
    {
        if (!OperatingSystem.IsWindows()) Exit(code);
        Environment.Exit(code);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
