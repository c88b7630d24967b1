using static Transformers.Data.Images.NativeImages;

namespace Transformers.Data.Images;

/// <summary>Reads JPEG, PNG and WebP through the system's libjpeg-turbo, libpng and libwebp; writes PNG and JPEG.</summary>
/// <remarks>
/// Every picture becomes 8-bit RGB as displayed: grey and palettes are expanded, 16 bits scaled to 8, transparent
/// pixels laid on <see cref="ImageDecodeOptions.Background"/>, CMYK and YCCK converted without a colour profile as
/// Pillow does, and the EXIF orientation applied. Colour profiles and gamma are not applied.
/// </remarks>
public static unsafe class ImageCodec
{
    /// <summary>The codecs' versions in one line.</summary>
    /// <exception cref="UserException">The native library is missing.</exception>
    public static string Versions()
    {
        Span<byte> text = stackalloc byte[MessageSize];
        fixed (byte* t = text) _ = ti_versions(new Message { Text = t, Size = MessageSize });
        return TextOf(text);
    }

    /// <summary>Reads the header alone and holds it to the limits.</summary>
    /// <param name="file">The file's bytes, or at least its header.</param>
    /// <param name="limits">What the file may cost; <see cref="ImageLimits.Default"/> unless told.</param>
    /// <exception cref="ImageException">The header is broken or exceeds the limits.</exception>
    public static ImageInfo Probe(ReadOnlySpan<byte> file, ImageLimits? limits = null)
    {
        var native = Native(limits ?? ImageLimits.Default);
        Info info;
        Span<byte> text = stackalloc byte[MessageSize];
        fixed (byte* data = file, t = text)
            Check(ti_probe(data, file.Length, &native, &info, new Message { Text = t, Size = MessageSize }), text);
        return new ImageInfo((ImageFormat)info.Format, info.Width, info.Height, info.Channels, info.BitDepth, info.Alpha != 0, info.Orientation);
    }

    /// <summary>Decodes a whole picture.</summary>
    /// <exception cref="ImageException">The file is broken, truncated, unsupported or exceeds the limits.</exception>
    public static RgbImage Decode(ReadOnlySpan<byte> file, ImageDecodeOptions? options = null)
    {
        options ??= ImageDecodeOptions.Default;
        var info = Probe(file, options.Limits);
        var image = new RgbImage(info.Width, info.Height);
        DecodeInto(file, image, 1, options);
        return image;
    }

    /// <summary>Reads and decodes a file.</summary>
    /// <exception cref="ImageException">The file cannot be read, is broken or exceeds the limits; the message names it.</exception>
    public static RgbImage DecodeFile(string path, ImageDecodeOptions? options = null)
    {
        var bytes = ImageFiles.ReadAll(path, (options ?? ImageDecodeOptions.Default).Limits.MaxBytes);
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
    /// <param name="info">The file's header.</param>
    /// <param name="scale">1, and for JPEG also 2, 4 or 8.</param>
    public static (int Width, int Height) ScaledSize(ImageInfo info, int scale) =>
        ((info.Width + scale - 1) / scale, (info.Height + scale - 1) / scale);

    /// <summary>Decodes into a picture of exactly the size that <see cref="ScaledSize"/> tells.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="image">What is filled.</param>
    /// <param name="scale">
    /// 1: every pixel. 2, 4, 8: a JPEG's sides divided inside its inverse DCT: faster, a good picture, and not the
    /// one that decoding and then resizing gives.
    /// </param>
    /// <param name="options">Limits and background.</param>
    /// <exception cref="ImageException">As for <see cref="Decode"/>.</exception>
    public static void DecodeInto(ReadOnlySpan<byte> file, RgbImage image, int scale = 1, ImageDecodeOptions? options = null)
    {
        options ??= ImageDecodeOptions.Default;
        var native = Native(options.Limits);
        Span<byte> text = stackalloc byte[MessageSize];
        var pixels = image.Span;
        fixed (byte* data = file, rgb = pixels, t = text)
            Check(ti_decode(data, file.Length, &native, scale, options.Background, rgb, pixels.Length,
                new Message { Text = t, Size = MessageSize }), text);
    }

    /// <summary>Encodes 8-bit pixels as PNG.</summary>
    /// <param name="pixels">Interleaved, row by row.</param>
    /// <param name="width">Pixels a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="channels">1 grey, 3 RGB, 4 RGBA.</param>
    /// <param name="level">zlib's compression level, 0 to 9.</param>
    public static byte[] EncodePng(ReadOnlySpan<byte> pixels, int width, int height, int channels = 3, int level = 6)
    {
        if (pixels.Length != (long)width * height * channels) throw new ArgumentException("pixels must hold width * height * channels bytes");
        byte* result = null;
        long size = 0;
        Span<byte> text = stackalloc byte[MessageSize];
        fixed (byte* data = pixels, t = text)
            Check(ti_encode_png(data, width, height, channels, level, &result, &size, new Message { Text = t, Size = MessageSize }), text);
        return Take(result, size);
    }

    /// <summary>Encodes a picture as PNG.</summary>
    public static byte[] EncodePng(RgbImage image) => EncodePng(image.Span, image.Width, image.Height);

    /// <summary>Encodes a picture as baseline JPEG with halved chroma.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="quality">1 to 100.</param>
    public static byte[] EncodeJpeg(RgbImage image, int quality = 90)
    {
        byte* result = null;
        long size = 0;
        Span<byte> text = stackalloc byte[MessageSize];
        fixed (byte* data = image.Span, t = text)
            Check(ti_encode_jpeg(data, image.Width, image.Height, 3, quality, &result, &size, new Message { Text = t, Size = MessageSize }), text);
        return Take(result, size);
    }

    static byte[] Take(byte* memory, long size)
    {
        try
        {
            return new ReadOnlySpan<byte>(memory, checked((int)size)).ToArray();
        }
        finally
        {
            ti_free(memory);
        }
    }

    static Limits Native(ImageLimits limits) => new()
    {
        // 3 bytes a pixel must fit one array.
        MaxPixels = Math.Min(limits.MaxPixels, Array.MaxLength / 3), MaxBytes = limits.MaxBytes,
    };

    static void Check(int status, ReadOnlySpan<byte> message)
    {
        const int badArgument = 7;
        if (status == 0) return;
        if (status == badArgument) throw new ArgumentException(TextOf(message));
        throw new ImageException((ImageFault)status, TextOf(message));
    }
}
