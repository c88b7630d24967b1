using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SkiaSharp;

namespace Transformers.IO.Images;

/// <summary>Reads JPEG, PNG, WebP, GIF and BMP and writes PNG and JPEG, through SkiaSharp.</summary>
/// <remarks>
/// Every picture becomes 8-bit RGB as displayed: grey and palettes are expanded, 16 bits reduced to 8, transparent
/// pixels composited on <see cref="ImageDecodeOptions.Background"/>, CMYK and YCCK converted without a colour profile
/// as Pillow does, and the EXIF orientation applied. Colour profiles and gamma are not applied. Of an animation, the
/// first frame is read.
/// </remarks>
public static unsafe class ImageCodec
{
    /// <summary>The version of the decoder in one line.</summary>
    public static string Versions() => $"SkiaSharp {typeof(SKCodec).Assembly.GetName().Version?.ToString(3)} (Skia {SkiaSharpVersion.Native})";

    /// <summary>Reads only the header and checks it against the limits.</summary>
    /// <param name="file">The file's bytes, or at least its header.</param>
    /// <param name="limits">The limits; by default <see cref="ImageLimits.Default"/>.</param>
    internal static ImageInfo Probe(ReadOnlySpan<byte> file, ImageLimits? limits = null) => ImageHeader.Read(file, limits ?? ImageLimits.Default);

    /// <summary>Decodes a whole picture.</summary>
    internal static RgbImage Decode(ReadOnlySpan<byte> file, ImageDecodeOptions? options = null)
    {
        options ??= ImageDecodeOptions.Default;
        var info = Probe(file, options.Limits);
        var image = new RgbImage(info.Width, info.Height);
        Decode(file, info, image, 1, options.Background);
        return image;
    }

    /// <summary>Reads and decodes a file.</summary>
    /// <inheritdoc cref="ImageFiles.ReadAll"/>
    internal static RgbImage DecodeFile(string path, ImageDecodeOptions? options = null, bool named = true)
    {
        var bytes = ImageFiles.ReadAll(path, (options ?? ImageDecodeOptions.Default).Limits.MaxBytes, named);
        try
        {
            return Decode(bytes, options);
        }
        catch (ImageException exception)
        {
            throw exception.Of(path);
        }
    }

    /// <summary>The size that <see cref="DecodeInto"/> gives at a scale.</summary>
    internal static (int Width, int Height) ScaledSize(ImageInfo info, int scale) =>
        ((info.Width + scale - 1) / scale, (info.Height + scale - 1) / scale);

    /// <summary>Decodes into a picture of exactly the size that <see cref="ScaledSize"/> gives.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="image">The picture to fill.</param>
    /// <param name="scale">
    /// 1: every pixel. 2, 4, 8: a JPEG's sides are divided within its inverse DCT, which is faster and of good quality, but not equal to
    /// decoding and then resizing.
    /// </param>
    /// <param name="options">Limits and background.</param>
    internal static void DecodeInto(ReadOnlySpan<byte> file, RgbImage image, int scale = 1, ImageDecodeOptions? options = null)
    {
        options ??= ImageDecodeOptions.Default;
        var info = Probe(file, options.Limits);
        if (scale != 1 && (info.Format != ImageFormat.Jpeg || scale is not (2 or 4 or 8)))
            throw new ArgumentException($"the scale ({scale}) must be 1, or 2, 4 or 8 for a JPEG file", nameof(scale));
        if ((image.Width, image.Height) != ScaledSize(info, scale))
            throw new ArgumentException($"the image has {image.Width} x {image.Height} pixels, but the file decodes to {ScaledSize(info, scale)}", nameof(image));
        Decode(file, info, image, scale, options.Background);
    }

    /// <summary>Whether some rows of a file can be decoded without the others, as is possible for a JPEG that is stored as it is
    /// displayed.</summary>
    internal static bool HasRows(ImageInfo info) => info is { Format: ImageFormat.Jpeg, Orientation: 1 };

    /// <summary>Decodes consecutive rows; those above are skipped faster than they would be decoded, those below cost nothing.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="info">Its header; <see cref="HasRows"/> is true of it.</param>
    /// <param name="firstRow">The first row wanted, at the scale.</param>
    /// <param name="image">The picture to fill: as wide as <see cref="ScaledSize"/> gives, and as high as the number of rows
    /// wanted.</param>
    /// <param name="scale">As for <see cref="DecodeInto"/>.</param>
    internal static void DecodeRows(ReadOnlySpan<byte> file, ImageInfo info, int firstRow, RgbImage image, int scale)
    {
        using var rgba = new PooledPixels(image.Width, image.Height);
        SkiaDecoder.Read(file, info, scale, (firstRow, image.Height), rgba.Bytes);
        PixelFormats.ToRgb(rgba.Bytes, image.Span);
    }

    static void Decode(ReadOnlySpan<byte> file, ImageInfo info, RgbImage image, int scale, int background)
    {
        using var rgba = new PooledPixels(image.Width, image.Height);
        var opaque = SkiaDecoder.Read(file, info, scale, rows: null, rgba.Bytes);
        if (!opaque) PixelFormats.Composite(rgba.Bytes, background);
        var (width, height) = SkiaDecoder.StoredSize(info, scale);
        if (info.Orientation == 1) PixelFormats.ToRgb(rgba.Bytes, image.Span);
        else PixelFormats.ToOrientedRgb(rgba.Bytes, width, height, info.Orientation, image.Span);
    }

    /// <summary>Encodes 8-bit pixels as PNG.</summary>
    /// <param name="pixels">Interleaved, row by row.</param>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="channels">1 grey, 3 RGB, 4 RGBA.</param>
    /// <param name="level">zlib's compression level, 0 to 9.</param>
    public static byte[] EncodePng(ReadOnlySpan<byte> pixels, int width, int height, int channels = 3, int level = 6)
    {
        if (width < 1 || height < 1 || pixels.Length != (long)width * height * channels) throw new ArgumentException("pixels must contain width * height * channels bytes", nameof(pixels));
        if (channels is not (1 or 3 or 4)) throw new ArgumentException($"the number of channels ({channels}) must be 1, 3 or 4", nameof(channels));
        if (level is < 0 or > 9) throw new ArgumentException($"the level ({level}) must be from 0 to 9", nameof(level));
        var options = new SKPngEncoderOptions(SKPngEncoderFilterFlags.Up, level);
        if (channels == 3)
        {
            using var rgba = new PooledPixels(width, height);
            PixelFormats.ToRgba(pixels, rgba.Bytes);
            return Encode(rgba.Bytes, new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), map => map.Encode(options));
        }
        return Encode(pixels, channels == 1 ? new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque)
            : new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul), map => map.Encode(options));
    }

    /// <summary>Encodes a picture as PNG.</summary>
    public static byte[] EncodePng(RgbImage image) => EncodePng(image.Span, image.Width, image.Height);

    /// <summary>Encodes a picture as baseline JPEG with halved chroma.</summary>
    internal static byte[] EncodeJpeg(RgbImage image, int quality = 90)
    {
        if (quality is < 1 or > 100) throw new ArgumentException($"the quality ({quality}) must be from 1 to 100", nameof(quality));
        using var rgba = new PooledPixels(image.Width, image.Height);
        PixelFormats.ToRgba(image.Span, rgba.Bytes);
        var options = new SKJpegEncoderOptions(quality, SKJpegEncoderDownsample.Downsample420, SKJpegEncoderAlphaOption.Ignore);
        return Encode(rgba.Bytes, new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), map => map.Encode(options));
    }

    static byte[] Encode(ReadOnlySpan<byte> pixels, SKImageInfo info, Func<SKPixmap, SKData?> encode)
    {
        fixed (byte* data = pixels)
        {
            using var map = new SKPixmap(info, (nint)data, info.RowBytes);
            using var encoded = encode(map) ?? throw new ArgumentException($"a picture of {info.Width} x {info.Height} pixels cannot be encoded", nameof(pixels));
            return encoded.ToArray();
        }
    }
}

/// <summary>Skia's decoders: pictures as stored, not oriented, in four bytes per pixel, not multiplied by alpha.</summary>
static unsafe class SkiaDecoder
{
    /// <summary>The size of a picture as stored, with its sides divided by a scale.</summary>
    internal static (int Width, int Height) StoredSize(ImageInfo info, int scale)
    {
        var (width, height) = ImageCodec.ScaledSize(info, scale);
        return info.Orientation >= 5 ? (height, width) : (width, height);
    }

    /// <summary>Decodes a picture, or some rows of it.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="info">Its header.</param>
    /// <param name="scale">The divisor of the sides, 1, 2, 4 or 8; above 1 only for JPEG.</param>
    /// <param name="rows">The rows wanted, at the scale; null for all. Only for JPEG.</param>
    /// <param name="rgba">Receives those rows.</param>
    /// <returns>Whether every pixel is opaque.</returns>
    internal static bool Read(ReadOnlySpan<byte> file, ImageInfo info, int scale, (int First, int Count)? rows, Span<byte> rgba)
    {
        ImageHeader.CheckComplete(file, info.Format);
        fixed (byte* data = file, pixels = rgba)
        {
            using var bytes = SKData.Create((nint)data, file.Length);
            using var codec = SKCodec.Create(new SKMemoryStream(bytes), out var result);
            if (codec is null) throw Failure(result, info.Format);
            if ((codec.Info.Width, codec.Info.Height) != StoredSize(info, 1))
                throw ImageHeader.Corrupt($"the headers of the {ImageFiles.NameOf(info.Format)} file disagree about its size");
            var opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
            var (width, height) = StoredSize(info, scale);
            // No colour space for the result: profiles and gamma are left alone.
            var target = new SKImageInfo(width, height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
            result = rows is var (first, count) ? ReadRows(codec, target, first, count, (nint)pixels) : codec.GetPixels(target, (nint)pixels);
            return result == SKCodecResult.Success ? opaque : throw Failure(result, info.Format);
        }
    }

    static SKCodecResult ReadRows(SKCodec codec, SKImageInfo target, int first, int count, nint pixels)
    {
        var started = codec.StartScanlineDecode(target);
        if (started != SKCodecResult.Success) return started;
        return (first == 0 || codec.SkipScanlines(first)) && codec.GetScanlines(pixels, count, target.RowBytes) == count ? SKCodecResult.Success : SKCodecResult.IncompleteInput;
    }

    static ImageException Failure(SKCodecResult result, ImageFormat format) => result switch
    {
        SKCodecResult.IncompleteInput => new(ImageFault.Truncated, $"the {ImageFiles.NameOf(format)} file ends before its image does"),
        SKCodecResult.Unimplemented or SKCodecResult.InvalidConversion or SKCodecResult.InvalidScale =>
            new(ImageFault.Unsupported, $"the {ImageFiles.NameOf(format)} file uses a feature that is not supported"),
        _ => ImageHeader.Corrupt($"the image data of the {ImageFiles.NameOf(format)} file are corrupt"),
    };
}

/// <summary>A picture in pooled memory, for the time between decoding and resizing.</summary>
sealed class PooledImage : IDisposable
{
    readonly byte[] memory;

    public PooledImage(int width, int height)
    {
        memory = ArrayPool<byte>.Shared.Rent(checked(3 * width * height));
        Image = new RgbImage(width, height, memory);
    }

    public RgbImage Image { get; }

    public void Dispose() => ArrayPool<byte>.Shared.Return(memory);
}

/// <summary>Pooled memory for pixels of four bytes: red, green, blue, alpha.</summary>
readonly ref struct PooledPixels(int width, int height)
{
    readonly int length = checked(4 * width * height);
    readonly byte[] memory = ArrayPool<byte>.Shared.Rent(checked(4 * width * height));

    public Span<byte> Bytes => memory.AsSpan(0, length);

    public void Dispose() => ArrayPool<byte>.Shared.Return(memory);
}

/// <summary>Converts between four bytes per pixel, which the codecs use, and three.</summary>
static class PixelFormats
{
    /// <summary>Composites pixels on a colour, in place.</summary>
    /// <param name="rgba">Not multiplied by alpha.</param>
    /// <param name="background">0xRRGGBB.</param>
    internal static void Composite(Span<byte> rgba, int background)
    {
        ReadOnlySpan<int> under = [background >> 16 & 255, background >> 8 & 255, background & 255];
        for (var i = 0; i < rgba.Length; i += 4)
        {
            var alpha = rgba[i + 3];
            for (var c = 0; c < 3; c++)
            {
                // x / 255 to the nearest whole number, exactly.
                var sum = rgba[i + c] * alpha + under[c] * (255 - alpha) + 128;
                rgba[i + c] = (byte)((sum >> 8) + sum >> 8);
            }
        }
    }

    internal static void ToRgb(ReadOnlySpan<byte> rgba, Span<byte> rgb)
    {
        var order = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        int from = 0, to = 0;
        // Each vector of four pixels writes four bytes beyond its own, which the next one overwrites.
        for (; to + 16 <= rgb.Length; from += 16, to += 12)
            Vector128.Shuffle(Vector128.Create(rgba.Slice(from, 16)), order).CopyTo(rgb[to..]);
        for (; to < rgb.Length; from += 4, to += 3) rgba.Slice(from, 3).CopyTo(rgb[to..]);
    }

    internal static void ToRgba(ReadOnlySpan<byte> rgb, Span<byte> rgba)
    {
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            rgb.Slice(from, 3).CopyTo(rgba[to..]);
            rgba[to + 3] = 255;
        }
    }

    /// <summary>Drops every fourth byte and applies the picture's EXIF orientation.</summary>
    internal static void ToOrientedRgb(ReadOnlySpan<byte> rgba, int width, int height, int orientation, Span<byte> rgb)
    {
        var pixels = MemoryMarshal.Cast<byte, int>(rgba);
        var (right, bottom) = (width - 1, (height - 1) * width);
        // Where the displayed picture's first pixel is stored, and the steps to the next pixels to the right and below.
        var (start, across, down) = orientation switch
        {
            2 => (right, -1, width),
            3 => (right + bottom, -1, -width),
            4 => (bottom, 1, -width),
            5 => (0, width, 1),
            6 => (bottom, -width, 1),
            7 => (right + bottom, -width, -1),
            8 => (right, width, -1),
            _ => (0, 1, width),
        };
        var (columns, rows) = orientation >= 5 ? (height, width) : (width, height);
        for (int y = 0, to = 0; y < rows; y++)
            for (int x = 0, at = start + y * down; x < columns; x++, at += across, to += 3)
                (rgb[to], rgb[to + 1], rgb[to + 2]) = ((byte)pixels[at], (byte)(pixels[at] >> 8), (byte)(pixels[at] >> 16));
    }
}
