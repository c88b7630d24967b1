namespace Transformers.IO.Images;

/// <summary>Reads what a file's first bytes say about its picture, before a decoder sees it and before memory is allocated.</summary>
static class ImageHeader
{
    /// <summary>The header of a file of any known format, held to the limits.</summary>
    /// <param name="file">The file's bytes, or at least its header.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <exception cref="ImageException">The header is broken or exceeds the limits.</exception>
    internal static ImageInfo Read(ReadOnlySpan<byte> file, ImageLimits limits)
    {
        if (file.IsEmpty) throw new ImageException(ImageFault.Truncated, "the file is empty");
        if (file.Length > limits.MaxBytes)
            throw new ImageException(ImageFault.TooLarge, $"the file has {file.Length} bytes, the limit is {limits.MaxBytes}");
        var info = ReadFormat(file);
        if (info.Width <= 0 || info.Height <= 0) throw new ImageException(ImageFault.Corrupt, "the header gives a size of zero");
        if (info.Orientation >= 5) info = info with { Width = info.Height, Height = info.Width };
        // 4 bytes a pixel must fit one array.
        var most = Math.Min(limits.MaxPixels, Array.MaxLength / 4);
        if ((long)info.Width * info.Height > most)
            throw new ImageException(ImageFault.TooLarge, $"the header gives {info.Width} x {info.Height} pixels, the limit is {most} in all");
        return info;
    }

    /// <summary>Finds files whose end is missing where the decoder would fill the rest of the picture and say nothing.</summary>
    /// <exception cref="ImageException">The file ends too early, or has too many scans to be a picture.</exception>
    internal static void CheckComplete(ReadOnlySpan<byte> file, ImageFormat format)
    {
        if (format == ImageFormat.Jpeg) JpegHeader.CheckComplete(file);
        if (format == ImageFormat.WebP) WebPHeader.CheckComplete(file);
    }

    static ImageInfo ReadFormat(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return JpegHeader.Read(file);
        if (file.StartsWith(PngHeader.Signature)) return PngHeader.Read(file);
        if (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8)) return WebPHeader.Read(file);
        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8)) return GifHeader.Read(file);
        // Two letters alone begin many texts: the four reserved bytes after the file's size are zero in a bitmap.
        if (file.StartsWith("BM"u8) && (file.Length < 10 || file.Slice(6, 4).IndexOfAnyExcept((byte)0) < 0)) return BmpHeader.Read(file);
        throw new ImageException(ImageFault.UnknownFormat, "the file is none of JPEG, PNG, WebP, GIF and BMP");
    }

    internal static ImageException Truncated(string format) => new(ImageFault.Truncated, $"the {format} file ends inside its header");

    internal static ImageException Corrupt(string message) => new(ImageFault.Corrupt, message);
}
