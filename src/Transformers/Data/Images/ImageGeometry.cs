using Transformers.IO.Images;

namespace Transformers.Data.Images;

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
