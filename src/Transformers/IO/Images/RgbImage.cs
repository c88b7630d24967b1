namespace Transformers.IO.Images;

/// <summary>A picture in memory: 8-bit red, green and blue, interleaved, rows from the top, without padding.</summary>
/// <remarks>Grey pictures have three equal channels. The array may be longer than the picture, so that buffers can be used again.</remarks>
public sealed class RgbImage
{
    /// <summary>The bytes; pixel (x, y) starts at <c>3 * (y * Width + x)</c>.</summary>
    public byte[] Pixels { get; }
    /// <summary>Pixels a row.</summary>
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

    /// <summary>The picture's bytes and nothing behind them.</summary>
    public Span<byte> Span => Pixels.AsSpan(0, 3 * Width * Height);

    /// <summary>One row, <c>3 * Width</c> bytes.</summary>
    public Span<byte> Row(int y) => Pixels.AsSpan(3 * Width * y, 3 * Width);

    /// <summary>A copy that shares nothing.</summary>
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
    /// <param name="width">Pixels a row.</param>
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
