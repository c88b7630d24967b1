namespace Transformers.IO.Images;

/// <summary>Reads image files whole, with a limit; what the system says becomes a typed error.</summary>
public static class ImageFiles
{
    static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"];

    /// <summary>Whether a file's name says that it is an image.</summary>
    public static bool HasImageName(string path) =>
        Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>The bytes of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">What it may have; asked of the file system before memory is taken.</param>
    /// <exception cref="ImageException">The file cannot be read or is larger.</exception>
    public static byte[] ReadAll(string path, long maxBytes) => Read(path, maxBytes, long.MaxValue);

    /// <summary>The header of a file: its first bytes where they are enough, all of it where they are not.</summary>
    /// <exception cref="ImageException">The file cannot be read, is broken or exceeds the limits; the message names it.</exception>
    public static ImageInfo ProbeFile(string path, ImageLimits? limits = null)
    {
        // Enough for the frame header behind an embedded thumbnail or colour profile in nearly every file.
        const int usual = 128 << 10;
        var bounds = limits ?? ImageLimits.Default;
        var head = Read(path, bounds.MaxBytes, usual);
        try
        {
            try
            {
                return ImageCodec.Probe(head, bounds);
            }
            catch (ImageException exception) when (exception.Fault == ImageFault.Truncated && head.Length == usual)
            {
                return ImageCodec.Probe(ReadAll(path, bounds.MaxBytes), bounds);
            }
        }
        catch (ImageException exception)
        {
            throw exception.Of(path);
        }
    }

    static byte[] Read(string path, long maxBytes, long atMost)
    {
        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var length = RandomAccess.GetLength(handle);
            if (length > maxBytes)
                throw new ImageException(ImageFault.TooLarge, $"the file has {length} bytes, the limit is {maxBytes}", path);
            var bytes = new byte[Math.Min(length, atMost)];
            var filled = 0;
            while (filled < bytes.Length)
            {
                var read = RandomAccess.Read(handle, bytes.AsSpan(filled), filled);
                if (read == 0) throw new ImageException(ImageFault.Truncated, "the file shrank while it was read", path);
                filled += read;
            }
            return bytes;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ImageException(ImageFault.Unreadable, $"the file cannot be read: {exception.Message}", path, exception);
        }
    }
}
