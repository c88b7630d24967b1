using System.IO.Compression;
using System.Text;
using System.Text.Unicode;
using Transformers.IO;

namespace Transformers.Data;

/// <summary>Lines of UTF-8, of a file that may be gzip or of a stream, of which each stands for one example.</summary>
/// <remarks>
/// Only a line feed ends a line (a carriage return before it is dropped): U+2028, a form feed or a lone carriage return
/// inside a sentence must not shift the lines of one file against those of its partner. A byte-order mark at the start is
/// dropped. Bytes that are not UTF-8 and lines beyond <see cref="MaximumBytes"/> are the user's error, told with their line.
/// </remarks>
public static class TextLines
{
    /// <summary>The longest line that is read: no example is as long, and memory stays bounded.</summary>
    public const int MaximumBytes = 16 << 20;

    // Without it the runtime ends a compressed file that was cut short as if it were whole. The program sets it in its
    // runtimeconfig.json too; this is for other programs that use the library.
    static TextLines() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>All lines of a file, read as they are asked for.</summary>
    /// <exception cref="UserException">The file cannot be read, is not UTF-8 or holds a line that is too long.</exception>
    public static IEnumerable<string> Read(string path)
    {
        using var stream = Open(path);
        foreach (var line in Read(stream, path)) yield return line;
    }

    /// <summary>All lines of a stream, read as they are asked for.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="UserException">It is not UTF-8 or holds a line that is too long.</exception>
    public static IEnumerable<string> Read(Stream stream, string path)
    {
        var buffer = new byte[64 << 10];
        var (start, end, line) = (0, 0, 1);
        var (fresh, done) = (true, false);
        while (!done)
        {
            // Keep what is left of an unfinished line at the front, and double the buffer when one line fills it.
            if (start > 0) Buffer.BlockCopy(buffer, start, buffer, 0, end - start);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                if (end > MaximumBytes)
                    throw Error(path, line, $"the line is longer than {MaximumBytes >> 20} MiB", "one example a line is expected");
                Array.Resize(ref buffer, 2 * buffer.Length);
            }
            var scanned = end;
            var read = Fill(stream, buffer, end, path, line);
            end += read;
            done = read == 0;
            if (fresh && end >= 3 && buffer.AsSpan(0, 3).SequenceEqual("\uFEFF"u8)) scanned = start = 3;
            if (end >= 3) fresh = false;
            for (int at; (at = buffer.AsSpan(scanned, end - scanned).IndexOf((byte)'\n')) >= 0;)
            {
                yield return Text(buffer.AsSpan(start, scanned + at - start), path, line++);
                start = scanned += at + 1;
            }
        }
        if (end > start) yield return Text(buffer.AsSpan(start, end - start), path, line);
    }

    static string Text(ReadOnlySpan<byte> bytes, string path, int line)
    {
        if (bytes.Length > MaximumBytes)
            throw Error(path, line, $"the line is longer than {MaximumBytes >> 20} MiB", "one example a line is expected");
        if (bytes.Length > 0 && bytes[^1] == '\r') bytes = bytes[..^1];
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw NotUtf8(path, line);
        }
    }

    static int Fill(Stream stream, byte[] buffer, int offset, string path, int line)
    {
        try
        {
            return stream.Read(buffer, offset, buffer.Length - offset);
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw Error(path, line, $"cannot be read: {exception.Message}", null);
        }
    }

    /// <summary>All of a file or stream as one text, without a byte-order mark at its start.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="UserException">It cannot be read, or is not UTF-8.</exception>
    public static string ReadAll(Stream stream, string path)
    {
        using var whole = new MemoryStream();
        var buffer = new byte[64 << 10];
        for (int read; (read = Fill(stream, buffer, 0, path, 1)) > 0;) whole.Write(buffer, 0, read);
        var bytes = whole.GetBuffer().AsSpan(0, (int)whole.Length);
        if (bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        if (Utf8.IsValid(bytes)) return Encoding.UTF8.GetString(bytes);
        var line = 1;
        for (int end; (end = bytes.IndexOf((byte)'\n')) >= 0 && Utf8.IsValid(bytes[..end]); line++) bytes = bytes[(end + 1)..];
        throw NotUtf8(path, line);
    }

    static UserException NotUtf8(string path, int line) => Error(path, line, "the line is not UTF-8", "convert the file, for example with iconv -t UTF-8");

    /// <summary>Opens a file; gzip is told by its first two bytes, whatever its name.</summary>
    /// <exception cref="UserException">The file cannot be opened.</exception>
    public static Stream Open(string path)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 << 10);
            var zipped = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            return zipped ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            file?.Dispose();
            throw new UserException([new Problem(
                exception is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : exception.Message, path)]);
        }
    }

    /// <summary>The user's error at a line of a file.</summary>
    public static UserException Error(string path, int line, string message, string? hint = null) =>
        new([new Problem(message, path, line, Hint: hint)]);
}
