using Transformers.Checkpoints;
using Transformers.IO;

namespace Transformers.Runs;

/// <summary>Finds out whether a run could have its folder, and leaves it as it was.</summary>
static class RunFolderProbe
{
    /// <summary>Writes beside what is there, or where the folder would be made, and takes it away again.</summary>
    /// <param name="path">The run's folder, which need not exist.</param>
    /// <exception cref="UserException">It cannot be made or written, or another run has it.</exception>
    internal static void Check(string path)
    {
        path = Path.GetFullPath(path);
        if (File.Exists(Path.Combine(path, ".lock"))) RunLock.Take(path).Dispose();
        var trial = Path.Combine(Nearest(path), $".transformer-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(trial);
            try
            {
                File.WriteAllText(Path.Combine(trial, "trial"), "trial");
            }
            finally
            {
                Directory.Delete(trial, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the run folder cannot be written: {e.Message}", inner: e);
        }
    }

    /// <summary>Free bytes where the folder is or would be; null where the system does not tell.</summary>
    internal static long? FreeBytes(string path)
    {
        try
        {
            return new DriveInfo(Nearest(Path.GetFullPath(path))).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    // The folder, or the nearest one above it that exists.
    static string Nearest(string path)
    {
        for (var folder = path; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(folder)) return folder;
            if (File.Exists(folder)) throw new CheckpointException(folder, "is a file, where the run needs a folder", "name another folder with --run");
        }
        return path;
    }
}
