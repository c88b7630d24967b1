using System.Runtime.InteropServices;

namespace Transformers.IO;

/// <summary>Makes the entries of a folder (creations, renames, deletions) survive a power cut.</summary>
/// <remarks>.NET cannot open a folder as a file, so this calls <c>open</c> and <c>fsync</c> of the C library. Windows has no such call; its file systems journal names.</remarks>
public static partial class FolderSync
{
    const int Interrupted = 4, InvalidArgument = 22;

    /// <summary>Returns once every entry of the folder is on the disk.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="IOException">The folder cannot be opened, or the disk reports an error.</exception>
    public static void Sync(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor;
        do descriptor = Open(folder, OperatingSystem.IsLinux() ? 0x80000 : 0x1000000); // O_RDONLY | O_CLOEXEC
        while (descriptor < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        if (descriptor < 0) throw Error("cannot open the folder", folder);
        try
        {
            while (Fsync(descriptor) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error == InvalidArgument) return; // A file system without this notion (some network mounts).
                if (error != Interrupted) throw Error("cannot make the folder durable", folder);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Creates a folder and those above it that are missing, each durable in its parent.</summary>
    /// <param name="folder">The folder to create; nothing happens where it exists.</param>
    /// <exception cref="IOException">The folder cannot be created, or a file is in the way.</exception>
    public static void CreateFolders(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Directory.Exists(folder)) return;
        var parent = Path.GetDirectoryName(folder);
        if (parent is not null) CreateFolders(parent);
        Directory.CreateDirectory(folder);
        if (parent is not null) Sync(parent);
    }

    static IOException Error(string what, string folder) =>
        new($"{what} {folder}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
