namespace Transformers.IO.Images;

/// <summary>Reads whole image files up to a limit; system errors become typed ones.</summary>
public static class ImageFiles
{
    static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"];

    /// <summary>Whether a file has an image's extension.</summary>
    public static bool HasImageName(string path) =>
        Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>The name of a format as it is usually written.</summary>
    public static string NameOf(ImageFormat format) => format == ImageFormat.WebP ? "WebP" : format.ToString().ToUpperInvariant();

    /// <summary>The bytes of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The maximum number of bytes it may have; checked before memory is allocated.</param>
    /// <param name="named">Whether a user named the file, which may then be a pipe. Opening one that is found in a folder could block forever.</param>
    /// <exception cref="ImageException">The file cannot be read or is larger.</exception>
    public static byte[] ReadAll(string path, long maxBytes, bool named = false)
    {
        try
        {
            if (!named && SpecialFile.IsAt(path)) throw new ImageException(ImageFault.Unreadable, $"{SpecialFile.What}, but a file is needed", path);
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            if (!file.CanSeek) return ReadPipe(file, path, maxBytes);
            if (file.Length > maxBytes) throw new ImageException(ImageFault.TooLarge, $"the file has {file.Length} bytes, but the limit is {maxBytes}", path);
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new ImageException(ImageFault.Unreadable, exception is FileNotFoundException or DirectoryNotFoundException ? InputFile.Missing(path) : $"the file cannot be read: {InputFile.ReasonOf(exception)}", path, exception);
        }
    }

    static byte[] ReadPipe(FileStream pipe, string path, long maxBytes)
    {
        using var bytes = new MemoryStream();
        var block = new byte[64 * 1024];
        for (int read; (read = pipe.Read(block)) > 0;)
        {
            if (bytes.Length + read > maxBytes) throw new ImageException(ImageFault.TooLarge, $"the pipe gives more than the limit of {maxBytes} bytes", path);
            bytes.Write(block, 0, read);
        }
        return bytes.ToArray();
    }
}

/// <summary>A picture in memory: 8-bit red, green and blue, interleaved, rows from the top, without padding.</summary>
/// <remarks>Grey pictures have three equal channels. The array may be longer than the picture, so that buffers can be reused.</remarks>
public sealed class RgbImage
{
    /// <summary>The bytes; pixel (x, y) starts at <c>3 * (y * Width + x)</c>.</summary>
    public byte[] Pixels { get; }
    /// <summary>Pixels per row.</summary>
    public int Width { get; }
    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>A black picture.</summary>
    public RgbImage(int width, int height) : this(width, height, new byte[checked(3 * width * height)]) { }

    /// <summary>A picture over an array that is at least <c>3 * width * height</c> long.</summary>
    /// <exception cref="ArgumentException">A side is not positive or the array is too short.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        if (width <= 0 || height <= 0) throw new ArgumentException($"an image needs positive sides, not {width} x {height}");
        if (pixels.LongLength < 3L * width * height) throw new ArgumentException("the array is shorter than the image");
        (Width, Height, Pixels) = (width, height, pixels);
    }

    /// <summary>The picture's bytes without the rest of the array.</summary>
    public Span<byte> Span => Pixels.AsSpan(0, 3 * Width * Height);

    /// <summary>One row, <c>3 * Width</c> bytes.</summary>
    public Span<byte> Row(int y) => Pixels.AsSpan(3 * Width * y, 3 * Width);

    /// <summary>An independent copy.</summary>
    public RgbImage Clone() => new(Width, Height, Span.ToArray());

    /// <summary>Whether red, green and blue are equal everywhere.</summary>
    public bool IsGrey()
    {
        var pixels = Span;
        for (var i = 0; i < pixels.Length; i += 3)
            if (pixels[i] != pixels[i + 1] || pixels[i] != pixels[i + 2]) return false;
        return true;
    }

    /// <summary>A picture with three equal channels.</summary>
    /// <param name="grey">At least <paramref name="width"/> times <paramref name="height"/> bytes, row by row.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    public static RgbImage FromGrey(ReadOnlySpan<byte> grey, int width, int height)
    {
        var image = new RgbImage(width, height);
        var pixels = image.Pixels;
        for (var i = 0; i < width * height; i++)
            pixels[3 * i] = pixels[3 * i + 1] = pixels[3 * i + 2] = grey[i];
        return image;
    }
}

/// <summary>A file format that is read.</summary>
public enum ImageFormat
{
    /// <summary>JPEG: baseline or progressive, grey, YCbCr, RGB, CMYK or YCCK, 8 bits.</summary>
    Jpeg = 1,
    /// <summary>PNG: every colour type and depth, interlaced or not.</summary>
    Png = 2,
    /// <summary>WebP: lossy or lossless; of an animation, the first frame.</summary>
    WebP = 3,
    /// <summary>GIF; of an animation, the first frame.</summary>
    Gif = 4,
    /// <summary>BMP: 1 to 32 bits per pixel, run-length encoded or not.</summary>
    Bmp = 5,
}

/// <summary>The description of a picture in its file's header.</summary>
/// <param name="Format">The file format, by its content, not by its name.</param>
/// <param name="Width">Pixels per row as displayed, after the EXIF orientation.</param>
/// <param name="Height">Rows as displayed, after the EXIF orientation.</param>
/// <param name="Channels">Channels as stored: 1 grey or palette, 2 grey with alpha, 3 colour, 4 CMYK or colour with alpha.</param>
/// <param name="BitDepth">Bits per channel as stored.</param>
/// <param name="HasAlpha">Whether pixels may be transparent.</param>
/// <param name="Orientation">EXIF's orientation, 1 to 8; 1 if the file gives none.</param>
readonly record struct ImageInfo(
    ImageFormat Format, int Width, int Height, int Channels, int BitDepth, bool HasAlpha, int Orientation);

/// <summary>The limits for one image file; a file beyond them is refused before memory is allocated.</summary>
readonly record struct ImageLimits(long MaxPixels, long MaxBytes)
{
    /// <summary>100 million pixels (300 MB decoded) and 256 MiB of file.</summary>
    public static readonly ImageLimits Default = new(100_000_000, 256L << 20);
}

/// <summary>How a picture is decoded.</summary>
sealed record ImageDecodeOptions
{
    /// <summary>Limits and a white background, every pixel decoded.</summary>
    public static readonly ImageDecodeOptions Default = new();

    /// <summary>The limits for a file.</summary>
    public ImageLimits Limits { get; init; } = ImageLimits.Default;

    /// <summary>The colour under transparent pixels as 0xRRGGBB; white by default.</summary>
    public int Background { get; init; } = 0xFFFFFF;
}

/// <summary>Why an image file cannot be used.</summary>
public enum ImageFault
{
    /// <summary>Not JPEG, PNG, WebP, GIF or BMP.</summary>
    UnknownFormat = 1,
    /// <summary>The file ends before the picture does.</summary>
    Truncated = 2,
    /// <summary>The file contradicts its format.</summary>
    Corrupt = 3,
    /// <summary>A valid file of a kind that is not read, for example a 12-bit JPEG.</summary>
    Unsupported = 4,
    /// <summary>Beyond <see cref="ImageLimits"/>.</summary>
    TooLarge = 5,
    /// <summary>The file cannot be opened or read.</summary>
    Unreadable = 100,
}

/// <summary>An image file that cannot be used: broken, truncated, too large or of a kind that is not read.</summary>
public sealed class ImageException : UserException
{
    /// <summary>Why.</summary>
    internal ImageFault Fault { get; }

    /// <summary>One fault of one file.</summary>
    internal ImageException(ImageFault fault, string message, string? file = null, Exception? inner = null)
        : base([new Problem(message, file, Hint: HintFor(fault))], inner) => Fault = fault;

    /// <summary>The same fault with the name of its file.</summary>
    internal ImageException Of(string file) => new(Fault, Problems[0].Message, file, InnerException);

    static string? HintFor(ImageFault fault) => fault switch
    {
        ImageFault.UnknownFormat => "convert it to one of them",
        ImageFault.TooLarge => "make the picture smaller",
        _ => null,
    };
}
