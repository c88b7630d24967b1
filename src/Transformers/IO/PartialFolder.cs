namespace Transformers.IO;

/// <summary>A folder in the making, beside the one that it will be: renamed when complete, removed when not.</summary>
/// <remarks>While it is being made a file in it is locked; so what a killed process left is told from what another is making, and removed.</remarks>
sealed class PartialFolder : IDisposable
{
    const string Infix = ".partial-";

    readonly string target;
    FileStream? guard;

    PartialFolder(string target, string path, FileStream guard) => (this.target, Path, this.guard) = (target, path, guard);

    public string Path { get; }

    public static PartialFolder Create(string target)
    {
        var parent = Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(target))!).FullName;
        foreach (var old in Directory.EnumerateDirectories(parent, System.IO.Path.GetFileName(target) + Infix + "*")) RemoveAbandoned(old);
        var path = System.IO.Path.Combine(parent, $"{System.IO.Path.GetFileName(target)}{Infix}{Guid.NewGuid():n}");
        Directory.CreateDirectory(path);
        return new PartialFolder(target, path, Lock(path, FileMode.CreateNew));
    }

    /// <summary>Gives the folder its name. Where another process was faster, that one's stays.</summary>
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
        catch (FileNotFoundException) { }       // Just made, or just about to be renamed.
        catch (DirectoryNotFoundException) { }
        catch (IOException) { }                 // Locked: another process is making it.
        catch (UnauthorizedAccessException) { }
    }
}
