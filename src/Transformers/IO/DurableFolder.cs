namespace Transformers.IO;

/// <summary>Builds a folder so that after a crash or power cut it is either complete or absent.</summary>
/// <remarks>
/// Order: make <c>name.tmp</c>, write and fsync every file in it, fsync it, rename it to <c>name</c>, fsync the parent. An existing folder
/// of that name is moved to <c>name.replaced.tmp</c> just before and deleted just after; <see cref="Recover"/> restores it if the process
/// dies in between.
/// </remarks>
sealed class DurableFolder : IDisposable
{
    public const string ReplacedSuffix = ".replaced" + DurableFile.TemporarySuffix;

    readonly string path, temporary;
    readonly List<WrittenFile> files = [];
    bool committed;

    /// <summary>Begins a folder; it is not visible under its name before <see cref="Commit"/>.</summary>
    public DurableFolder(string path)
    {
        this.path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        temporary = this.path + DurableFile.TemporarySuffix;
        FolderSync.CreateFolders(Path.GetDirectoryName(this.path)!);
        DurableFile.TryDelete(temporary);
        if (Path.Exists(temporary)) throw new IOException($"the leftover {temporary} cannot be deleted");
        Directory.CreateDirectory(temporary);
        FailPoint.Pass(FailPoint.FolderBegun);
    }

    public IReadOnlyList<WrittenFile> Files => files;

    /// <summary>Writes one file and waits until its bytes are on the disk.</summary>
    public WrittenFile Write(string name, Action<Stream> write)
    {
        var target = SafePath.Resolve(temporary, name);
        if (files.Exists(f => f.Name == name)) throw new ArgumentException($"the file {name} was written to the folder already", nameof(name));
        FolderSync.CreateFolders(Path.GetDirectoryName(target)!);
        var written = DurableFile.WriteSynced(target, write) with { Name = name };
        FailPoint.Pass(FailPoint.FileSynced);
        files.Add(written);
        return written;
    }

    /// <summary>Gives the folder its name, durably; an existing folder of that name is deleted.</summary>
    public void Commit()
    {
        foreach (var inner in Directory.EnumerateDirectories(temporary, "*", SearchOption.AllDirectories)) FolderSync.Sync(inner);
        FolderSync.Sync(temporary);
        FailPoint.Pass(FailPoint.FolderSynced);
        var replaced = path + ReplacedSuffix;
        if (Directory.Exists(path))
        {
            if (Directory.Exists(replaced)) Directory.Delete(replaced, recursive: true);
            Directory.Move(path, replaced);
            FailPoint.Pass(FailPoint.FolderReplaced);
        }
        try
        {
            Directory.Move(temporary, path);
        }
        catch when (Directory.Exists(replaced) && !Directory.Exists(path))
        {
            Directory.Move(replaced, path);
            throw;
        }
        committed = true;
        FailPoint.Pass(FailPoint.FolderRenamed);
        FolderSync.Sync(Path.GetDirectoryName(path)!);
        FailPoint.Pass(FailPoint.FolderCommitted);
        DurableFile.TryDelete(replaced); // If this fails, the next Recover deletes it.
    }

    public void Dispose()
    {
        if (!committed) DurableFile.TryDelete(temporary);
    }

    /// <summary>Deletes a folder so that after a crash it is either complete or no longer under its name.</summary>
    public static void Delete(string path)
    {
        var doomed = Path.TrimEndingDirectorySeparator(path) + ".deleted" + DurableFile.TemporarySuffix;
        if (Directory.Exists(doomed)) Directory.Delete(doomed, recursive: true);
        Directory.Move(path, doomed);
        FolderSync.Sync(Path.GetDirectoryName(Path.GetFullPath(doomed))!); // A power cut could bring a half-deleted folder back.
        FailPoint.Pass(FailPoint.DeleteRenamed);
        Directory.Delete(doomed, recursive: true);
        FailPoint.Pass(FailPoint.Deleted);
    }

    /// <summary>Cleans up after a killed process: restores replaced folders whose successor is missing, and deletes everything that ends in
    /// <c>.tmp</c>.</summary>
    public static (IReadOnlyList<string> Done, IReadOnlyList<string> Failed) Recover(string parent)
    {
        List<string> done = [], failed = [];
        if (!Directory.Exists(parent)) return (done, failed);
        foreach (var entry in Directory.GetFileSystemEntries(parent, "*" + DurableFile.TemporarySuffix))
        {
            var ok = Restore(entry) || DurableFile.TryDelete(entry);
            (ok ? done : failed).Add(Path.GetFileName(entry));
        }
        if (done.Count > 0) FolderSync.Sync(parent);
        return (done, failed);
    }

    static bool Restore(string entry)
    {
        if (!entry.EndsWith(ReplacedSuffix, StringComparison.Ordinal) || !Directory.Exists(entry)) return false;
        var original = entry[..^ReplacedSuffix.Length];
        if (Path.Exists(original)) return false;
        try
        {
            Directory.Move(entry, original);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

/// <summary>A temporary folder next to its final location: renamed when complete, removed otherwise.</summary>
/// <remarks>A file in it is locked while the folder is being written, so that the leftovers of a killed process can be recognized and
/// removed.</remarks>
sealed class PartialFolder : IDisposable
{
    const string Infix = ".partial-";

    readonly string target;
    FileStream? guard;

    PartialFolder(string target, string path, FileStream guard) => (this.target, Path, this.guard) = (target, path, guard);

    public string Path { get; }

    public static PartialFolder Create(string target)
    {
        try
        {
            return CreateIn(target);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw CacheFolder.Denied(System.IO.Path.GetDirectoryName(target)!, exception);
        }
    }

    static PartialFolder CreateIn(string target)
    {
        var parent = Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(target))!).FullName;
        foreach (var old in Directory.EnumerateDirectories(parent, System.IO.Path.GetFileName(target) + Infix + "*")) RemoveAbandoned(old);
        var path = System.IO.Path.Combine(parent, $"{System.IO.Path.GetFileName(target)}{Infix}{Guid.NewGuid():n}");
        Directory.CreateDirectory(path);
        return new PartialFolder(target, path, Lock(path, FileMode.CreateNew));
    }

    /// <summary>Makes a folder for a user, who finds it either complete or not there at all.</summary>
    /// <param name="folder">The folder: a new or an empty one.</param>
    /// <param name="what">What is written, for the message: <c>the images</c>.</param>
    /// <param name="write">Writes into the folder of this path.</param>
    /// <exception cref="UserException">The folder is not empty or cannot be written.</exception>
    public static void Fill(string folder, string what, Action<string> write)
    {
        var target = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder));
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            throw new UserException($"{folder} exists and is not an empty folder", "name another folder, or remove it first");
        try
        {
            using var making = Create(target);
            write(making.Path);
            if (Directory.Exists(target)) Directory.Delete(target);
            making.Complete();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{what} cannot be written to {folder}: {OutputFile.ReasonOf(exception)}", inner: exception);
        }
    }

    /// <summary>Gives the folder its name. If another process was faster, its folder is kept.</summary>
    public void Complete()
    {
        Unlock();
        try
        {
            Directory.Move(Path, target);
        }
        catch (IOException) when (Directory.Exists(target)) { }
    }

    public void Dispose()
    {
        Unlock();
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }

    void Unlock()
    {
        guard?.Dispose();
        guard = null;
    }

    static FileStream Lock(string folder, FileMode mode) =>
        new(System.IO.Path.Combine(folder, "lock"), mode, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);

    static void RemoveAbandoned(string folder)
    {
        try
        {
            using (Lock(folder, FileMode.Open)) { }
            Directory.Delete(folder, recursive: true);
        }
        catch (FileNotFoundException) { }       // Just created, or just about to be renamed.
        catch (DirectoryNotFoundException) { }
        catch (IOException) { }                 // Locked: another process is writing it.
        catch (UnauthorizedAccessException) { }
    }
}

/// <summary>Makes the entries of a folder (creations, renames, deletions) survive a power cut.</summary>
/// <remarks>.NET cannot open a folder as a file, so this calls <c>open</c> and <c>fsync</c> of the C library. Windows does not need it: its
/// file systems journal names.</remarks>
static partial class FolderSync
{
    const int Interrupted = 4, InvalidArgument = 22;

    /// <summary>Returns once all entries of the folder are on the disk.</summary>
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
                if (error == InvalidArgument) return; // Not supported by the file system (some network mounts).
                if (error != Interrupted) throw Error("cannot make the folder durable", folder);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Creates a folder and its missing parents, all of them durably.</summary>
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

/// <summary>A folder with prepared or generated data that are used again.</summary>
static class CacheFolder
{
    /// <summary>Writes into such a folder, which is created first.</summary>
    /// <exception cref="UserException">The user may not.</exception>
    internal static void Write(string folder, Action write)
    {
        try
        {
            Directory.CreateDirectory(folder);
            write();
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException || exception.InnerException is UnauthorizedAccessException)
        {
            throw Denied(folder, exception);
        }
    }

    internal static UserException Denied(string folder, Exception exception) =>
        new([new Problem("the folder for prepared and generated data cannot be written: permission denied", folder, Hint: "run the command in a folder in which you may write")], exception);
}
