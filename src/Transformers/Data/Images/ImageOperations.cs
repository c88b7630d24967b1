using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>Blends an image with a degenerate form of itself: factor 1 leaves it unchanged, 0 gives the degenerate form, above 1 moves away from it.</summary>
/// <remarks>Semantics and rounding are those of Pillow's <c>ImageEnhance</c>; hue is torchvision's <c>adjust_hue</c> without its 8-bit steps.</remarks>
static class ImageEnhance
{
    /// <summary>ITU-R 601 luma in fixed point, as in Pillow's mode L: exact for grey.</summary>
    public static byte Luma(byte red, byte green, byte blue) => (byte)((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);

    /// <summary>Brightness: blends with black.</summary>
    public static void Brightness(RgbImage image, double factor) => Against(image, 0, factor);

    /// <summary>Contrast: blends with the image's mean grey.</summary>
    public static void Contrast(RgbImage image, double factor)
    {
        var pixels = image.Span;
        long sum = 0;
        for (var i = 0; i < pixels.Length; i += 3) sum += Luma(pixels[i], pixels[i + 1], pixels[i + 2]);
        Against(image, (byte)((double)sum / (pixels.Length / 3) + 0.5), factor);
    }

    /// <summary>Saturation: blends with the grey image.</summary>
    public static void Color(RgbImage image, double factor)
    {
        var pixels = image.Span;
        var amount = (float)factor;
        for (var i = 0; i < pixels.Length; i += 3)
        {
            var pixel = pixels.Slice(i, 3);
            int grey = Luma(pixel[0], pixel[1], pixel[2]);
            (pixel[0], pixel[1], pixel[2]) = (Blend(grey, pixel[0], amount), Blend(grey, pixel[1], amount), Blend(grey, pixel[2], amount));
        }
    }

    /// <summary>Sharpness: blends with the image smoothed by a 3 x 3 kernel (5 in the middle, 1 around it, divided by 13); the outermost pixels do not change.</summary>
    public static void Sharpness(RgbImage image, double factor)
    {
        var amount = (float)factor;
        var source = image.Clone();
        for (var y = 1; y < image.Height - 1; y++)
        {
            ReadOnlySpan<byte> above = source.Row(y - 1), row = source.Row(y), below = source.Row(y + 1);
            var output = image.Row(y)[..row.Length];
            for (var i = 3; i < row.Length - 3; i++)
            {
                var sum = above[i - 3] + above[i] + above[i + 3] + row[i - 3] + 5 * row[i] + row[i + 3] + below[i - 3] + below[i] + below[i + 3];
                output[i] = Blend((int)((uint)(2 * sum + 13) / 26), row[i], amount);
            }
        }
    }

    /// <summary>Rotates the hue.</summary>
    /// <param name="image">Changed in place.</param>
    /// <param name="turn">The rotation as a fraction of a full turn, -0.5 to 0.5.</param>
    public static void Hue(RgbImage image, double turn)
    {
        var pixels = image.Span;
        for (var i = 0; i < pixels.Length; i += 3)
        {
            float r = pixels[i], g = pixels[i + 1], b = pixels[i + 2];
            var (max, min) = (Math.Max(r, Math.Max(g, b)), Math.Min(r, Math.Min(g, b)));
            var chroma = max - min;
            if (chroma == 0) continue;
            // Position on the colour circle in sixths: red 0, green 2, blue 4.
            var sixth = max == r ? (g - b) / chroma : max == g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
            sixth += (float)(6 * turn);
            for (var c = 0; c < 3; c++)
            {
                var at = (sixth + (c == 0 ? 5 : c == 1 ? 3 : 1)) % 6;
                if (at < 0) at += 6;
                pixels[i + c] = (byte)(max - chroma * Math.Clamp(Math.Min(at, 4 - at), 0, 1) + 0.5f);
            }
        }
    }

    static void Against(RgbImage image, byte degenerate, double factor)
    {
        Span<byte> table = stackalloc byte[256];
        for (var i = 0; i < 256; i++) table[i] = Blend(degenerate, i, (float)factor);
        foreach (ref var value in image.Span) value = table[value];
    }

    // Truncated, as in Pillow; converted to a whole number first, because clamping whole numbers is faster.
    static byte Blend(int degenerate, int value, float factor) =>
        (byte)Math.Clamp((int)(degenerate + factor * (value - degenerate)), 0, 255);
}

/// <summary>Operations on single pixels, through a table of 256 values for each channel; all in place.</summary>
/// <remarks>Semantics and rounding are those of Pillow's <c>ImageOps</c>.</remarks>
static class PixelOps
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

    public static void Invert(RgbImage image) => Map(image, value => 255 - value);

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

/// <summary>What fills the border when an image is padded.</summary>
public enum PadMode
{
    /// <summary>One colour.</summary>
    Constant,
    /// <summary>The image mirrored at its edge, without repeating the edge itself.</summary>
    Reflect,
}

/// <summary>Cutting, mirroring, padding.</summary>
static class ImageGeometry
{
    public static RgbImage Crop(RgbImage source, PixelBox box)
    {
        if (box.X < 0 || box.Y < 0 || box.X + box.Width > source.Width || box.Y + box.Height > source.Height)
            throw new ArgumentException($"{box} is not inside an image of {source.Width} x {source.Height}");
        var target = new RgbImage(box.Width, box.Height);
        for (var y = 0; y < box.Height; y++)
            source.Row(box.Y + y).Slice(3 * box.X, 3 * box.Width).CopyTo(target.Row(y));
        return target;
    }

    /// <summary>The rectangle of a given size in the middle of an image; halves are rounded to the even pixel, as in torchvision.</summary>
    public static PixelBox CenterBox(int sourceWidth, int sourceHeight, int width, int height) =>
        new((int)Math.Round((sourceWidth - width) / 2.0), (int)Math.Round((sourceHeight - height) / 2.0), width, height);

    /// <summary>Crops the middle; an image that is smaller is first padded with black.</summary>
    public static RgbImage CenterCrop(RgbImage source, int width, int height)
    {
        var (missingX, missingY) = (Math.Max(width - source.Width, 0), Math.Max(height - source.Height, 0));
        if (missingX > 0 || missingY > 0)
            source = Pad(source, missingX / 2, missingY / 2, missingX - missingX / 2, missingY - missingY / 2, PadMode.Constant, 0);
        return Crop(source, CenterBox(source.Width, source.Height, width, height));
    }

    public static void FlipHorizontal(RgbImage image)
    {
        for (var y = 0; y < image.Height; y++)
        {
            var row = image.Row(y);
            for (int left = 0, right = row.Length - 3; left < right; left += 3, right -= 3)
            {
                (row[left], row[right]) = (row[right], row[left]);
                (row[left + 1], row[right + 1]) = (row[right + 1], row[left + 1]);
                (row[left + 2], row[right + 2]) = (row[right + 2], row[left + 2]);
            }
        }
    }

    public static RgbImage Pad(RgbImage source, int left, int top, int right, int bottom, PadMode mode, int color = 0)
    {
        var target = new RgbImage(source.Width + left + right, source.Height + top + bottom);
        if (mode == PadMode.Constant) Fill(target, color);
        for (var y = 0; y < target.Height; y++)
        {
            var from = y - top;
            if (mode == PadMode.Reflect) from = Mirror(from, source.Height);
            else if (from < 0 || from >= source.Height) continue;
            Span<byte> input = source.Row(from), output = target.Row(y);
            input.CopyTo(output[(3 * left)..]);
            if (mode == PadMode.Constant) continue;
            for (var x = 0; x < left; x++) input.Slice(3 * Mirror(x - left, source.Width), 3).CopyTo(output[(3 * x)..]);
            for (var x = left + source.Width; x < target.Width; x++)
                input.Slice(3 * Mirror(x - left, source.Width), 3).CopyTo(output[(3 * x)..]);
        }
        return target;
    }

    /// <summary>Gives every pixel one colour, 0xRRGGBB.</summary>
    public static void Fill(RgbImage image, int color)
    {
        var pixels = image.Span;
        for (var i = 0; i < pixels.Length; i += 3)
            (pixels[i], pixels[i + 1], pixels[i + 2]) = ((byte)(color >> 16), (byte)(color >> 8), (byte)color);
    }

    // ..., 2, 1, [0, 1, 2, ..., n-1], n-2, n-3, ...; a border wider than the image mirrors again.
    static int Mirror(int i, int length)
    {
        if (length == 1) return 0;
        var period = 2 * (length - 1);
        i = Math.Abs(i) % period;
        return i < length ? i : period - i;
    }
}
