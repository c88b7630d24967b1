using System.Diagnostics;
using System.Globalization;

namespace Transformers.IO;

/// <summary>Named boundaries within a save at which a test can kill the process.</summary>
/// <remarks>
/// <c>TRANSFORMER_FAILPOINT=name[:n]</c> kills this process, as <c>kill -9</c> would, the n-th time (default: the first) that
/// the boundary is passed. Unset, passing one costs a comparison.
/// </remarks>
static class FailPoint
{
    public const string FolderBegun = "folder-begun";
    public const string FilePart = "file-part";
    public const string FileWritten = "file-written";
    public const string FileSynced = "file-synced";
    public const string FileRenamed = "file-renamed";
    public const string FolderSynced = "folder-synced";
    public const string FolderReplaced = "folder-replaced";
    public const string FolderRenamed = "folder-renamed";
    public const string FolderCommitted = "folder-committed";
    public const string LatestWritten = "latest-written";
    public const string BestWritten = "best-written";
    public const string DeleteRenamed = "delete-renamed";
    public const string Deleted = "deleted";

    /// <summary>Every boundary, in the order in which a save passes them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        FolderBegun, FilePart, FileWritten, FileSynced, FileRenamed, FolderSynced, FolderReplaced, FolderRenamed, FolderCommitted,
        LatestWritten, BestWritten, DeleteRenamed, Deleted,
    ];

    // Not in a static constructor, whose exceptions arrive wrapped in another.
    static readonly Lazy<string?> armed = new(Read);
    static long left = 1;

    static string? Read()
    {
        var setting = Environment.GetEnvironmentVariable("TRANSFORMER_FAILPOINT");
        if (string.IsNullOrEmpty(setting)) return null;
        var colon = setting.IndexOf(':');
        var name = colon < 0 ? setting : setting[..colon];
        return All.Contains(name) && (colon < 0 || long.TryParse(setting.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out left)) ? name
            : throw new UserException($"TRANSFORMER_FAILPOINT ({setting}) must be one of {string.Join(", ", All)}, with an optional :count");
    }

    /// <summary>Passes a boundary; kills the process if the environment asks for it.</summary>
    public static void Pass(string name)
    {
        if (armed.Value is not { } there || there != name || Interlocked.Decrement(ref left) != 0) return;
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite); // The signal is on its way: nothing after this boundary may run.
    }
}
