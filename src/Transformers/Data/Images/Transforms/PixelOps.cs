using Transformers.IO.Images;

namespace Transformers.Data.Images.Transforms;

/// <summary>Operations that look at one pixel at a time, through a table of 256 values for each channel; all in place.</summary>
/// <remarks>Meanings and rounding are those of Pillow's <c>ImageOps</c>.</remarks>
public static class PixelOps
{
    /// <summary>Stretches each channel so that its darkest value becomes 0 and its brightest 255.</summary>
    public static void AutoContrast(RgbImage image) => PerChannel(image, (histogram, table) =>
    {
        int low = 0, high = 255;
        while (low < 255 && histogram[low] == 0) low++;
        while (high > 0 && histogram[high] == 0) high--;
        var scale = high > low ? 255.0 / (high - low) : 1;
        var offset = high > low ? -low * scale : 0;
        for (var i = 0; i < 256; i++) table[i] = (byte)Math.Clamp(i * scale + offset, 0, 255);
    });

    /// <summary>Spreads each channel's values so that all are about equally frequent.</summary>
    public static void Equalize(RgbImage image) => PerChannel(image, (histogram, table) =>
    {
        var last = 255;
        while (last > 0 && histogram[last] == 0) last--;
        var total = image.Width * image.Height;
        var step = (total - histogram[last]) / 255;
        var n = step / 2;
        for (var i = 0; i < 256; i++)
        {
            table[i] = step == 0 ? (byte)i : (byte)Math.Min(n / step, 255);
            n += histogram[i];
        }
    });

    /// <summary>255 minus each value.</summary>
    public static void Invert(RgbImage image) => Map(image, value => 255 - value);

    /// <summary>Keeps the highest bits of each value.</summary>
    /// <param name="image">Changed in place.</param>
    /// <param name="bits">0 (black) to 8 (unchanged).</param>
    public static void Posterize(RgbImage image, int bits) => Map(image, value => value & ~((1 << (8 - bits)) - 1));

    /// <summary>Inverts the values that reach a threshold.</summary>
    public static void Solarize(RgbImage image, int threshold) => Map(image, value => value < threshold ? value : 255 - value);

    /// <summary>Adds to the values below 128, up to 255.</summary>
    public static void SolarizeAdd(RgbImage image, int add) => Map(image, value => value < 128 ? Math.Min(255, value + add) : value);

    static void Map(RgbImage image, Func<int, int> change)
    {
        Span<byte> table = stackalloc byte[256];
        for (var i = 0; i < 256; i++) table[i] = (byte)change(i);
        foreach (ref var value in image.Span) value = table[value];
    }

    static void PerChannel(RgbImage image, Action<int[], byte[]> makeTable)
    {
        var pixels = image.Span;
        var (histogram, table) = (new int[256], new byte[256]);
        for (var channel = 0; channel < 3; channel++)
        {
            Array.Clear(histogram);
            for (var i = channel; i < pixels.Length; i += 3) histogram[pixels[i]]++;
            makeTable(histogram, table);
            for (var i = channel; i < pixels.Length; i += 3) pixels[i] = table[pixels[i]];
        }
    }
}
