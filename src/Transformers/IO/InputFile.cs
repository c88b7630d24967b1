using System.IO.Compression;

namespace Transformers.IO;

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
            var compressed = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B || path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
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
