using System.Runtime.InteropServices;

namespace Transformers.IO;

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
