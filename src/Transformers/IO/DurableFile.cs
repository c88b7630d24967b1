using System.Numerics;

namespace Transformers.IO;

/// <summary>Size and checksum of a file that was written.</summary>
/// <param name="Name">The file's name, without its folder.</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="Checksum">Its CRC-32C.</param>
public sealed record WrittenFile(string Name, long Bytes, uint Checksum);

/// <summary>Writes whole files so that after a crash or power cut they have either their old or their new content, never a part.</summary>
/// <remarks>Order: write <c>name.tmp</c>, fsync it, rename it over <c>name</c>, fsync the folder.</remarks>
public static class DurableFile
{
    /// <summary>The suffix of the temporary sibling's name. The owner of a folder deletes such leftovers when it starts.</summary>
    public const string TemporarySuffix = ".tmp";

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Replaces a file's content.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content, start to end.</param>
    /// <exception cref="IOException">The disk is full, the folder is missing, … The old content is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written. The old content is untouched.</exception>
    public static WrittenFile Write(string path, Action<Stream> write)
    {
        path = Path.GetFullPath(path);
        if (SpecialFile.IsAt(path)) return WriteInto(path, write);
        var temporary = path + TemporarySuffix;
        try
        {
            var written = WriteSynced(temporary, write) with { Name = Path.GetFileName(path) };
            FailPoint.Pass(FailPoint.FileSynced);
            File.Move(temporary, path, overwrite: true);
            FailPoint.Pass(FailPoint.FileRenamed);
            FolderSync.Sync(Path.GetDirectoryName(path)!);
            return written;
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Replaces a file's content by bytes. See <see cref="Write"/>.</summary>
    public static WrittenFile WriteBytes(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span));

    /// <summary>Replaces a file's content by text in UTF-8 without a byte-order mark. See <see cref="Write"/>.</summary>
    public static WrittenFile WriteText(string path, string text) => WriteBytes(path, Utf8.GetBytes(text));

    // A pipe or a device is written to, not replaced by a file.
    static WrittenFile WriteInto(string path, Action<Stream> write)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var counted = new ChecksumStream(file);
        write(counted);
        counted.Flush();
        return new(Path.GetFileName(path), counted.Bytes, counted.Checksum);
    }

    /// <summary>Writes a file that the user named; creates its folder if necessary.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public static void WriteAsked(string path, string text) => WriteAsked(path, Utf8.GetBytes(text));

    /// <inheritdoc cref="WriteAsked(string, string)"/>
    public static void WriteAsked(string path, ReadOnlyMemory<byte> bytes) => WriteAsked(path, stream => stream.Write(bytes.Span));

    /// <inheritdoc cref="WriteAsked(string, string)"/>
    public static void WriteAsked(string path, Action<Stream> write)
    {
        try
        {
            OutputFile.PrepareFolder(path);
            Write(path, write);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([OutputFile.ProblemOf(path, exception)], exception);
        }
    }

    /// <summary>Creates a file, writes it and waits until its bytes are on the disk; the entry in its folder may not be.</summary>
    internal static WrittenFile WriteSynced(string path, Action<Stream> write)
    {
        // Delete and recreate: opening an existing file would follow a link planted under the temporary name.
        File.Delete(path);
        FileSizeLimit.ReportAsError();
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var counted = new ChecksumStream(file);
        write(counted);
        counted.Flush();
        FailPoint.Pass(FailPoint.FileWritten);
        file.Flush(flushToDisk: true);
        return new(Path.GetFileName(path), counted.Bytes, counted.Checksum);
    }

    internal static bool TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path) && new DirectoryInfo(path).LinkTarget is null) Directory.Delete(path, recursive: true);
            else File.Delete(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

/// <summary>Output files that the user named.</summary>
public static class OutputFile
{
    /// <summary>Creates a file's folder if necessary.</summary>
    /// <exception cref="UserException">The path is that of a folder.</exception>
    /// <exception cref="IOException">The folder cannot be created.</exception>
    public static void PrepareFolder(string path)
    {
        if (Directory.Exists(path)) throw new UserException([new Problem("is a folder, but a file is to be written", path)]);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
    }

    /// <summary>The problem to report for a file that cannot be written.</summary>
    public static Problem ProblemOf(string path, Exception exception) => new($"cannot be written: {ReasonOf(exception)}", path);

    /// <summary>Why a file or folder cannot be written.</summary>
    public static string ReasonOf(Exception exception) => exception switch
    {
        FileNotFoundException => "the system does not allow a file to be created there",
        DirectoryNotFoundException => "its folder cannot be created",
        _ => InputFile.ReasonOf(exception),
    };
}

/// <summary>A write-only stream to a file that counts and checksums what passes through it, so that the file need not be read again.</summary>
/// <remarks>It has the file's only buffer, and closing it writes nothing: after a failed write, nothing more is written.</remarks>
sealed class ChecksumStream(FileStream file) : WriteOnlyStream
{
    const int Chunk = 1 << 20;
    readonly byte[] buffer = new byte[1 << 14];
    int pending;

    public long Bytes { get; private set; }

    public uint Checksum { get; private set; } = Crc32C.Empty;

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        if (bytes.Length > buffer.Length - pending) Flush();
        if (bytes.Length < buffer.Length)
        {
            bytes.CopyTo(buffer.AsSpan(pending));
            pending += bytes.Length;
            return;
        }
        // In chunks: each is checksummed while it is in the cache for the copy that follows.
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(bytes.Length, Chunk)..]) PassOn(bytes[..Math.Min(bytes.Length, Chunk)]);
    }

    public override void Flush()
    {
        var count = pending;
        pending = 0;
        if (count > 0) PassOn(buffer.AsSpan(0, count));
    }

    void PassOn(ReadOnlySpan<byte> part)
    {
        Checksum = Crc32C.Append(Checksum, part);
        FileSizeLimit.Write(file, part);
        FailPoint.Pass(FailPoint.FilePart);
    }

    private protected override long Count => Bytes;
}

/// <summary>CRC-32C (Castagnoli), the checksum of checkpoint files: one instruction per eight bytes on x86-64 and ARM64.</summary>
/// <remarks>It detects every single flipped bit and every burst of up to 32 bits. It guards against damage, not against an
/// attacker.</remarks>
public static class Crc32C
{
    /// <summary>The checksum of no bytes.</summary>
    public const uint Empty = 0;

    /// <summary>The checksum of some bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => Append(Empty, bytes);

    /// <summary>Continues the checksum of what came before.</summary>
    /// <param name="checksum">The checksum so far, or <see cref="Empty"/>.</param>
    /// <param name="bytes">The next bytes.</param>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        var crc = ~checksum;
        if (BitConverter.IsLittleEndian)
        {
            foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes)) crc = BitOperations.Crc32C(crc, word);
            bytes = bytes[(bytes.Length & ~7)..];
        }
        foreach (var one in bytes) crc = BitOperations.Crc32C(crc, one);
        return ~crc;
    }
}

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

    /// <summary>Writes to an unbuffered file. .NET reports the limit as a wrong argument; this reports it like a full disk.</summary>
    public static void Write(FileStream file, ReadOnlySpan<byte> bytes)
    {
        try
        {
            file.Write(bytes);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new IOException($"the file {file.Name} would exceed the limit on the size of files (ulimit -f)", e);
        }
    }

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int number, nint handler);
}
