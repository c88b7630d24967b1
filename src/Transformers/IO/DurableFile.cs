using System.Text;

namespace Transformers.IO;

/// <summary>Size and checksum of a file that was written.</summary>
/// <param name="Name">The file's name, without its folder.</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="Checksum">Its CRC-32C.</param>
public sealed record WrittenFile(string Name, long Bytes, uint Checksum);

/// <summary>Writes whole files so that after a crash or power cut the old content or the new one is there, never a part.</summary>
/// <remarks>Order: write <c>name.tmp</c>, fsync it, rename it over <c>name</c>, fsync the folder.</remarks>
public static class DurableFile
{
    /// <summary>What the temporary sibling's name ends in. Whoever owns a folder deletes such leftovers when it starts.</summary>
    public const string TemporarySuffix = ".tmp";

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Replaces a file's content.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content, start to end.</param>
    /// <exception cref="IOException">The disk is full, the folder is not there, … The old content is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written. The old content is untouched.</exception>
    public static WrittenFile Write(string path, Action<Stream> write)
    {
        path = Path.GetFullPath(path);
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

    /// <summary>Replaces a file's content by text in UTF-8 without a mark. See <see cref="Write"/>.</summary>
    public static WrittenFile WriteText(string path, string text) => WriteBytes(path, Utf8.GetBytes(text));

    /// <summary>Writes the file that a user named; its folder is made where it is missing.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public static void WriteAsked(string path, string text) => WriteAsked(path, Utf8.GetBytes(text));

    /// <inheritdoc cref="WriteAsked(string, string)"/>
    public static void WriteAsked(string path, ReadOnlyMemory<byte> bytes)
    {
        var full = Path.GetFullPath(path);
        try
        {
            if (Path.GetDirectoryName(full) is { } folder) Directory.CreateDirectory(folder);
            WriteBytes(full, bytes);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The user knows nothing of the temporary file.
            throw new UserException([new Problem($"cannot be written: {exception.Message.Replace(full + TemporarySuffix, full, StringComparison.Ordinal)}", path)], exception);
        }
    }

    /// <summary>Creates a file, writes it and waits until its bytes are on the disk; the entry in its folder may not be.</summary>
    internal static WrittenFile WriteSynced(string path, Action<Stream> write)
    {
        // Delete and create anew: opening what is there would follow a link planted under the temporary name.
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
