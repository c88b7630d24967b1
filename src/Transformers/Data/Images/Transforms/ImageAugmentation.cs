using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Transforms;

/// <summary>What happens to a training picture at random, in timm's order: crop, flip, RandAugment or colour jitter, erasing.</summary>
public sealed record ImageAugmentation
{
    /// <summary>Nothing random.</summary>
    public static readonly ImageAugmentation None = new();

    /// <summary>A random rectangle, resized.</summary>
    public RandomResizedCrop? Crop { get; init; }

    /// <summary>In place of <see cref="Crop"/>: this many pixels of border, then a random cut of the size (CIFAR's custom).</summary>
    public int Pad { get; init; }

    /// <summary>What the border of <see cref="Pad"/> holds.</summary>
    public PadMode PadMode { get; init; } = PadMode.Constant;

    /// <summary>Probability of mirroring left and right.</summary>
    public double Flip { get; init; }

    /// <summary>RandAugment, or null.</summary>
    public RandAugment? RandAugment { get; init; }

    /// <summary>Colour jitter, or null.</summary>
    public ColorJitter? Jitter { get; init; }

    /// <summary>Random erasing, or null.</summary>
    public RandomErasing? Erasing { get; init; }

    /// <summary>Resizing draws its filter too, as timm's <c>random</c> interpolation; otherwise the transform's filter.</summary>
    public bool RandomFilter { get; init; }

    /// <summary>A JPEG much larger than its crop needs is decoded at a half, a quarter or an eighth: faster, a few grey levels apart.</summary>
    public bool ReducedDecoding { get; init; } = true;

    /// <summary>Decodes, augments and normalises one training picture.</summary>
    /// <param name="file">An image file's bytes.</param>
    /// <param name="transform">Size, statistics, filter, background.</param>
    /// <param name="random">Decides everything.</param>
    /// <param name="target">[C, Y, X].</param>
    /// <param name="limits">What a file may cost.</param>
    /// <exception cref="ImageException">The file cannot be decoded.</exception>
    public void Apply(ReadOnlySpan<byte> file, ImageTransform transform, SampleRandom random, Span<float> target, ImageLimits limits)
    {
        var options = new ImageDecodeOptions { Limits = limits, Background = transform.Background };
        if (Crop is null)
        {
            Apply(ImageCodec.Decode(file, options), transform, random, target);
            return;
        }
        var info = ImageCodec.Probe(file, limits);
        var box = Crop.Draw(info.Width, info.Height, random);
        var scale = 1;
        if (ReducedDecoding && info.Format == ImageFormat.Jpeg)
            while (scale < 8 && Math.Min(box.Width, box.Height) >= 2 * scale * transform.Size) scale *= 2;
        var (width, height) = ImageCodec.ScaledSize(info, scale);
        var reduced = scale == 1 ? box : Reduce(box, scale, width, height);
        var rows = ImageCodec.HasRows(info);
        using var buffer = new PooledImage(width, rows ? reduced.Height : height);
        if (rows) ImageCodec.DecodeRows(file, info, reduced.Y, buffer.Image, scale);
        else ImageCodec.DecodeInto(file, buffer.Image, scale, options);
        var cut = rows ? reduced with { Y = 0 } : reduced;
        Finish(ImageResize.Resize(buffer.Image, cut, transform.Size, transform.Size, Filter(transform, random)), transform, random, target);
    }

    /// <summary>Augments and normalises one decoded picture, which is left as it was.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="transform">Size, statistics, filter.</param>
    /// <param name="random">Decides everything.</param>
    /// <param name="target">[C, Y, X].</param>
    public void Apply(RgbImage image, ImageTransform transform, SampleRandom random, Span<float> target)
    {
        var size = transform.Size;
        RgbImage fresh;
        if (Crop is not null)
            fresh = ImageResize.Resize(image, Crop.Draw(image.Width, image.Height, random), size, size, Filter(transform, random));
        else
        {
            fresh = transform.Fit(image);
            if (Pad > 0)
            {
                var padded = ImageGeometry.Pad(fresh, Pad, Pad, Pad, Pad, PadMode);
                fresh = ImageGeometry.Crop(padded, new PixelBox(random.Next(2 * Pad + 1), random.Next(2 * Pad + 1), size, size));
            }
            else if (ReferenceEquals(fresh, image)) fresh = image.Clone();
        }
        Finish(fresh, transform, random, target);
    }

    void Finish(RgbImage image, ImageTransform transform, SampleRandom random, Span<float> target)
    {
        if (Flip > 0 && random.Chance(Flip)) ImageGeometry.FlipHorizontal(image);
        if (RandAugment is not null) image = RandAugment.Apply(image, random);
        Jitter?.Apply(image, random);
        transform.Normalize(image, target);
        Erasing?.Apply(target, transform.Channels, transform.Size, transform.Size, random);
    }

    ResizeFilter Filter(ImageTransform transform, SampleRandom random) =>
        !RandomFilter ? transform.Filter : random.Chance(0.5) ? ResizeFilter.Bilinear : ResizeFilter.Bicubic;

    // To the nearest reduced pixel, which is at most half a pixel of the result away.
    static PixelBox Reduce(PixelBox box, int scale, int width, int height)
    {
        int Scaled(int value) => (value + scale / 2) / scale;
        var (x, y) = (Math.Min(Scaled(box.X), width - 1), Math.Min(Scaled(box.Y), height - 1));
        return new PixelBox(x, y, Math.Clamp(Scaled(box.X + box.Width) - x, 1, width - x), Math.Clamp(Scaled(box.Y + box.Height) - y, 1, height - y));
    }
}
