using SkiaSharp;

namespace Transformers.IO.Images;

/// <summary>Skia's decoders: pictures as stored, not turned, four bytes a pixel, not multiplied by alpha.</summary>
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
    /// <param name="scale">What the sides are divided by, 1, 2, 4 or 8; above 1 for JPEG alone.</param>
    /// <param name="rows">The rows wanted, at the scale; null for all. For JPEG alone.</param>
    /// <param name="rgba">Those rows.</param>
    /// <returns>Whether every pixel is opaque.</returns>
    /// <exception cref="ImageException">The file is truncated, broken or unsupported.</exception>
    internal static bool Read(ReadOnlySpan<byte> file, ImageInfo info, int scale, (int First, int Count)? rows, Span<byte> rgba)
    {
        ImageHeader.CheckComplete(file, info.Format);
        fixed (byte* data = file, pixels = rgba)
        {
            using var bytes = SKData.Create((nint)data, file.Length);
            using var codec = SKCodec.Create(new SKMemoryStream(bytes), out var result);
            if (codec is null) throw Failure(result, info.Format);
            if ((codec.Info.Width, codec.Info.Height) != StoredSize(info, 1))
                throw ImageHeader.Corrupt($"the headers of the {Name(info.Format)} file disagree about its size");
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
        SKCodecResult.IncompleteInput => new(ImageFault.Truncated, $"the {Name(format)} file ends before its picture does"),
        SKCodecResult.Unimplemented or SKCodecResult.InvalidConversion or SKCodecResult.InvalidScale =>
            new(ImageFault.Unsupported, $"the {Name(format)} file uses a feature that is not read"),
        _ => ImageHeader.Corrupt($"the picture data of the {Name(format)} file are broken"),
    };

    static string Name(ImageFormat format) => format == ImageFormat.WebP ? "WebP" : format.ToString().ToUpperInvariant();
}
