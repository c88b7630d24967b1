using System.Runtime.InteropServices;

namespace Transformers.IO;

/// <summary>Turns the signal of a file-size limit (<c>ulimit -f</c>), which would kill the process, into an error of the write.</summary>
static partial class FileSizeLimit
{
    static int done;

    /// <summary>From now on a write past the limit fails with <c>EFBIG</c>, an <see cref="IOException"/>.</summary>
    public static void ReportAsError()
    {
        if (OperatingSystem.IsWindows() || Interlocked.Exchange(ref done, 1) != 0) return;
        _ = Signal(25, 1); // SIGXFSZ and SIG_IGN have these values on Linux and macOS.
    }

    /// <summary>Writes to an unbuffered file. .NET tells of the limit as if of a wrong argument; this tells of it as of a full disk.</summary>
    public static void Write(FileStream file, ReadOnlySpan<byte> bytes)
    {
        try
        {
            file.Write(bytes);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new IOException($"the file {file.Name} would pass the limit on the size of files (ulimit -f)", e);
        }
    }

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int number, nint handler);
}
