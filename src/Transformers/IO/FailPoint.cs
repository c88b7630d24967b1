using System.Diagnostics;
using System.Globalization;

namespace Transformers.IO;

/// <summary>Named boundaries inside a save at which a test can have the process killed.</summary>
/// <remarks>
/// <c>TRANSFORMER_FAILPOINT=name[:n]</c> kills this process, as <c>kill -9</c> would, the n-th time (default: the first) that
/// the boundary is passed. Unset, passing one costs a comparison.
/// </remarks>
public static class FailPoint
{
    /// <summary>A temporary folder was made and is still empty.</summary>
    public const string FolderBegun = "folder-begun";
    /// <summary>Part of a file was handed to the operating system.</summary>
    public const string FilePart = "file-part";
    /// <summary>A file has all its bytes but was not yet made durable.</summary>
    public const string FileWritten = "file-written";
    /// <summary>A file is durable under its temporary name.</summary>
    public const string FileSynced = "file-synced";
    /// <summary>A file has its final name; the folder's entry is not yet durable.</summary>
    public const string FileRenamed = "file-renamed";
    /// <summary>All files of a temporary folder and its entries are durable.</summary>
    public const string FolderSynced = "folder-synced";
    /// <summary>The folder that was in the way has been moved aside.</summary>
    public const string FolderReplaced = "folder-replaced";
    /// <summary>A folder has its final name; the parent's entry is not yet durable.</summary>
    public const string FolderRenamed = "folder-renamed";
    /// <summary>A folder is durable under its final name.</summary>
    public const string FolderCommitted = "folder-committed";
    /// <summary><c>latest</c> names the new checkpoint.</summary>
    public const string LatestWritten = "latest-written";
    /// <summary><c>best</c> names its checkpoint.</summary>
    public const string BestWritten = "best-written";
    /// <summary>A checkpoint to be deleted has lost its name.</summary>
    public const string DeleteRenamed = "delete-renamed";
    /// <summary>A checkpoint was deleted.</summary>
    public const string Deleted = "deleted";

    /// <summary>Every boundary, in the order in which a save passes them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        FolderBegun, FilePart, FileWritten, FileSynced, FileRenamed, FolderSynced, FolderReplaced, FolderRenamed, FolderCommitted,
        LatestWritten, BestWritten, DeleteRenamed, Deleted,
    ];

    static readonly string? armed;
    static long left = 1;

    static FailPoint()
    {
        var setting = Environment.GetEnvironmentVariable("TRANSFORMER_FAILPOINT");
        if (string.IsNullOrEmpty(setting)) return;
        var colon = setting.IndexOf(':');
        armed = colon < 0 ? setting : setting[..colon];
        if (!All.Contains(armed) || (colon >= 0 && !long.TryParse(setting.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out left)))
            throw new UserException($"TRANSFORMER_FAILPOINT ({setting}) must be one of {string.Join(", ", All)}, with an optional :count");
    }

    /// <summary>Passes a boundary: returns, unless the environment says that the process ends here.</summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    public static void Pass(string name)
    {
        if (armed is null || armed != name || Interlocked.Decrement(ref left) != 0) return;
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite); // The signal is on its way: nothing after this boundary may run.
    }
}
