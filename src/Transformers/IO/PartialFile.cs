namespace Transformers.IO;

/// <summary>An output file that the user named, written piece by piece: it gets its name when it is complete; until then, any old file
/// stays.</summary>
sealed class PartialFile : IDisposable
{
    readonly string path, partial;
    readonly string? option;
    readonly FileStream stream;
    bool complete;

    /// <summary>Starts the file, and creates its folder if necessary.</summary>
    /// <param name="path">The file. A pipe or a device is written to directly.</param>
    /// <param name="option">The option that names it, for messages.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    internal PartialFile(string path, string? option = null)
    {
        (this.path, this.option) = (path, option);
        var special = SpecialFile.IsAt(path);
        partial = special ? path : Path.GetFullPath(path) + DurableFile.TemporarySuffix;
        FileStream? opened = null;
        Try(() =>
        {
            OutputFile.PrepareFolder(path);
            FileSizeLimit.ReportAsError();
            if (!special) File.Delete(partial);
            opened = new FileStream(partial, special ? FileMode.Open : FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        });
        stream = opened!;
    }

    /// <summary>Whether what has been written can still be changed.</summary>
    internal bool CanSeek => stream.CanSeek;

    /// <summary>Writes a piece.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    internal void Write(Action<Stream> write) => Try(() => write(stream));

    /// <summary>Gives the file its name.</summary>
    /// <exception cref="UserException">What was buffered cannot be written.</exception>
    internal void Complete()
    {
        Try(() =>
        {
            stream.Flush(flushToDisk: partial != path);
            stream.Dispose();
            if (partial != path) File.Move(partial, Path.GetFullPath(path), overwrite: true);
        });
        complete = true;
    }

    void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([OutputFile.ProblemOf(path, exception) with { Path = option }], exception);
        }
        catch (ArgumentOutOfRangeException exception)
        {
            // .NET throws this for a file that would exceed the size limit.
            throw new UserException([new Problem("cannot be written: it would exceed the limit on the size of files (ulimit -f)", path, Path: option)], exception);
        }
    }

    /// <summary>Closes the file, and deletes it unless it is complete.</summary>
    public void Dispose()
    {
        if (complete) return;
        try
        {
            stream.Dispose();
        }
        catch (Exception exception) when (exception is IOException or ArgumentOutOfRangeException)
        {
            // The first failure has been reported.
        }
        if (partial != path) DurableFile.TryDelete(partial);
    }
}

/// <summary>The base of streams that are only written to, sequentially and without a buffer of their own in .NET.</summary>
public abstract class WriteOnlyStream : Stream
{
    /// <summary>The bytes written so far; not every stream counts them.</summary>
    /// <exception cref="NotSupportedException">This one does not.</exception>
    private protected virtual long Count => throw new NotSupportedException();

    /// <inheritdoc/>
    public abstract override void Write(ReadOnlySpan<byte> buffer);
    /// <inheritdoc/>
    public sealed override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    /// <inheritdoc/>
    public sealed override void WriteByte(byte value) => Write([value]);
    /// <inheritdoc/>
    public override void Flush() { }
    /// <inheritdoc/>
    public sealed override bool CanRead => false;
    /// <inheritdoc/>
    public sealed override bool CanSeek => false;
    /// <inheritdoc/>
    public sealed override bool CanWrite => true;
    /// <inheritdoc/>
    public sealed override long Length => Count;
    /// <inheritdoc/>
    public sealed override long Position { get => Count; set => throw new NotSupportedException(); }
    /// <inheritdoc/>
    public sealed override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    /// <inheritdoc/>
    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    /// <inheritdoc/>
    public sealed override void SetLength(long value) => throw new NotSupportedException();
}

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
