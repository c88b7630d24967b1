namespace Transformers.IO;

/// <summary>Builds a folder so that after a crash or power cut it is there whole or not at all.</summary>
/// <remarks>
/// Order: make <c>name.tmp</c>, write and fsync every file in it, fsync it, rename it to <c>name</c>, fsync the parent. A folder that
/// has the name already is moved to <c>name.replaced.tmp</c> just before and deleted just after; <see cref="Recover"/> puts it back
/// should the process die between.
/// </remarks>
public sealed class DurableFolder : IDisposable
{
    /// <summary>What the name of a folder being replaced ends in.</summary>
    public const string ReplacedSuffix = ".replaced" + DurableFile.TemporarySuffix;

    readonly string path, temporary;
    readonly List<WrittenFile> files = [];
    bool committed;

    /// <summary>Begins a folder; nothing is seen under its name before <see cref="Commit"/>.</summary>
    /// <param name="path">The final path. Missing folders above it are created.</param>
    /// <exception cref="IOException">The disk is full, or a file is in the way.</exception>
    /// <exception cref="UnauthorizedAccessException">The parent cannot be written.</exception>
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

    /// <summary>Sizes and checksums of the files written so far.</summary>
    public IReadOnlyList<WrittenFile> Files => files;

    /// <summary>Writes one file and waits until its bytes are on the disk.</summary>
    /// <param name="name">A plain file name, not used before.</param>
    /// <param name="write">Writes the content, start to end.</param>
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

    /// <summary>Gives the folder its name, durably; what had the name before is deleted.</summary>
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

    /// <summary>Deletes the temporary folder, unless it was committed.</summary>
    public void Dispose()
    {
        if (!committed) DurableFile.TryDelete(temporary);
    }

    /// <summary>Deletes a folder so that after a crash it is there whole or not under its name.</summary>
    /// <exception cref="IOException">The folder cannot be renamed or deleted.</exception>
    /// <exception cref="UnauthorizedAccessException">The parent or something in the folder cannot be written.</exception>
    public static void Delete(string path)
    {
        var doomed = Path.TrimEndingDirectorySeparator(path) + ".deleted" + DurableFile.TemporarySuffix;
        if (Directory.Exists(doomed)) Directory.Delete(doomed, recursive: true);
        Directory.Move(path, doomed);
        FolderSync.Sync(Path.GetDirectoryName(Path.GetFullPath(doomed))!); // Else a power cut could bring the name back over half a folder.
        FailPoint.Pass(FailPoint.DeleteRenamed);
        Directory.Delete(doomed, recursive: true);
        FailPoint.Pass(FailPoint.Deleted);
    }

    /// <summary>Undoes what a killed process left: puts replaced folders back whose successor is missing, and deletes what ends in <c>.tmp</c>.</summary>
    /// <param name="parent">The folder to tidy; nothing happens where it does not exist. Nobody else may be writing in it.</param>
    /// <returns>The names that were deleted or put back, and those that could not be.</returns>
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
