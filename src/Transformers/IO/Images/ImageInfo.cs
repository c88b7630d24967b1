namespace Transformers.IO.Images;

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
