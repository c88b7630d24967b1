using System.IO.Compression;
using System.Text;

namespace Transformers.IO;

/// <summary>Reads small files from outside: never more than a given size, and never from something that could block.</summary>
static class BoundedFile
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static byte[] ReadBytes(string path, int limit)
    {
        try
        {
            // A pipe or a device has length 0, and opening one could block for ever: what is empty is not opened.
            var info = new FileInfo(path);
            if (!info.Exists) throw Error(path, Directory.Exists(path) ? "is a folder, not a file" : "there is no such file");
            if (info.Length == 0) return [];
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (file.Length > limit) throw Error(path, $"has {file.Length} bytes; at most {limit} are read");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Error(path, $"cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A whole file's text, which must be UTF-8 without a mark.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes that it may have.</param>
    public static string ReadText(string path, int limit)
    {
        try
        {
            return Strict.GetString(ReadBytes(path, limit));
        }
        catch (DecoderFallbackException e)
        {
            throw Error(path, $"is not UTF-8 (byte {e.Index})", e);
        }
    }

    static UserException Error(string path, string message, Exception? inner = null) => new([new Problem(message, File: path)], inner);
}

/// <summary>Opens files that may be compressed.</summary>
public static class InputFile
{
    // Without it the runtime ends a compressed file that was cut short as if it were whole. The program sets it in its
    // runtimeconfig.json too; this is for other programs that use the library.
    static InputFile() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <summary>Opens a file for reading from start to end; gzip is recognized by its first two bytes or by the ending <c>.gz</c>, and decompressed.</summary>
    /// <exception cref="UserException">The file cannot be opened.</exception>
    public static Stream Open(string path)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 << 10, FileOptions.SequentialScan);
            // A file of no bytes is what some writers make of no text.
            var compressed = file.Length > 0 && (file.ReadByte() == 0x1F && file.ReadByte() == 0x8B || path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase));
            file.Position = 0;
            return compressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            file?.Dispose();
            throw new UserException([new Problem(
                exception is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"cannot be read: {exception.Message}", path)], exception);
        }
    }

    /// <summary>Whether an exception says that a file or a compressed stream cannot be read.</summary>
    public static bool IsUnreadable(Exception exception) => exception is IOException or UnauthorizedAccessException or InvalidDataException;
}
