using Transformers.Configs;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>The random augmentation of training images; none by default.</summary>
public sealed record AugmentConfig : IChecked
{
    /// <summary>A random rectangle, resized to the input's size; its area as a fraction of the image's: <c>[0.08, 1]</c>.</summary>
    [Between(0.001, 1)]
    public (double, double)? Crop { get; init; }

    /// <summary>Instead of a crop: a border of this many pixels, then a random crop of the input's size.</summary>
    [Between(0, 512)]
    public int Pad { get; init; }

    /// <summary>What fills the border.</summary>
    public PadMode PadMode { get; init; }

    /// <summary>Probability of a horizontal flip.</summary>
    [Between(0, 1)]
    public double Flip { get; init; }

    /// <summary>RandAugment in timm's notation, for example <c>rand-m9-mstd0.5</c>.</summary>
    [NotEmpty]
    public string? RandAugment { get; init; }

    /// <summary>Colour jitter: brightness, contrast and saturation change by up to this fraction.</summary>
    [Between(0, 1)]
    public double Jitter { get; init; }

    /// <summary>Probability that a random rectangle is replaced by noise.</summary>
    [Between(0, 1)]
    public double Erase { get; init; }

    /// <summary>Alpha of mixup; 0 is off.</summary>
    [Between(0, 100)]
    public double Mixup { get; init; }

    /// <summary>Alpha of CutMix; 0 is off. With both on, one of the two is drawn for each batch.</summary>
    [Between(0, 100)]
    public double Cutmix { get; init; }

    /// <summary>Probability that a batch is mixed, if mixup or CutMix is on.</summary>
    [Between(0, 1)]
    public double MixProbability { get; init; } = 1;

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Crop is not var (least, most) || least <= most, "crop", "must give the smaller area first");
        check.That(Crop is null || Pad == 0, "pad", $"({Pad}) and {check.At("crop")} cannot be combined");
        try
        {
            if (RandAugment is not null) Images.RandAugment.Parse(RandAugment);
        }
        catch (UserException exception)
        {
            check.That(false, "rand_augment", $"is wrong: {exception.Problems[0].Message}", exception.Problems[0].Hint);
        }
    }

    /// <summary>The augmentation of single images, or null if there is none.</summary>
    public ImageAugmentation? ToAugmentation(ImageTransform transform) =>
        Crop is null && Pad == 0 && Flip == 0 && RandAugment is null && Jitter == 0 && Erase == 0 ? null : new ImageAugmentation(this, transform);

    /// <summary>The mixing of batches, or null if there is none.</summary>
    public BatchMixing? ToMixing() => Mixup > 0 || Cutmix > 0 ? new BatchMixing(Mixup, Cutmix, MixProbability) : null;
}

/// <summary>Changes training images at random, in timm's order: crop, flip, RandAugment or colour jitter, erasing.</summary>
public sealed class ImageAugmentation
{
    readonly AugmentConfig config;
    readonly RandomResizedCrop? crop;
    readonly RandAugment? randAugment;
    readonly ColorJitter? jitter;
    readonly RandomErasing? erasing;

    /// <summary>The augmentation that a config describes.</summary>
    /// <param name="config">The random changes.</param>
    /// <param name="transform">Its mean is the fill colour of RandAugment.</param>
    /// <exception cref="UserException">RandAugment's notation is wrong.</exception>
    public ImageAugmentation(AugmentConfig config, ImageTransform transform)
    {
        this.config = config;
        var mean = transform.Mean.Select(m => (int)Math.Clamp(Math.Round(255 * m), 0, 255)).ToArray();
        var fill = mean.Length == 3 ? mean[0] << 16 | mean[1] << 8 | mean[2] : mean[0] * 0x010101;
        if (config.Crop is var (least, most)) crop = new RandomResizedCrop(least, most);
        if (config.RandAugment is { } notation) randAugment = RandAugment.Parse(notation) with { Fill = fill };
        if (config.Jitter > 0) jitter = new ColorJitter(config.Jitter, config.Jitter, config.Jitter);
        if (config.Erase > 0) erasing = new RandomErasing(config.Erase);
    }

    /// <summary>Whether a random rectangle is cut out and resized.</summary>
    public bool Crops => crop is not null;

    /// <summary>Whether resizing draws a random filter, as timm's <c>random</c> interpolation does, instead of using the transform's.</summary>
    public bool RandomFilter { get; init; }

    /// <summary>Whether a JPEG much larger than its crop needs is decoded at a half, a quarter or an eighth: faster, and off by a few grey levels.</summary>
    public bool ReducedDecoding { get; init; } = true;

    /// <summary>Decodes, augments and normalises one training image.</summary>
    /// <param name="file">An image file's bytes.</param>
    /// <param name="transform">Size, statistics, filter, background.</param>
    /// <param name="random">The source of randomness.</param>
    /// <param name="target">[C, Y, X].</param>
    /// <param name="limits">Limits on the file and on its pixels.</param>
    internal void Apply(ReadOnlySpan<byte> file, ImageTransform transform, SampleRandom random, Span<float> target, ImageLimits limits)
    {
        var options = new ImageDecodeOptions { Limits = limits, Background = transform.Background };
        if (crop is null)
        {
            Apply(ImageCodec.Decode(file, options), transform, random, target);
            return;
        }
        var info = ImageCodec.Probe(file, limits);
        var box = crop.Draw(info.Width, info.Height, random);
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

    /// <summary>Augments and normalises one decoded image, which is not modified.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="transform">Size, statistics, filter.</param>
    /// <param name="random">The source of randomness.</param>
    /// <param name="target">[C, Y, X].</param>
    public void Apply(RgbImage image, ImageTransform transform, SampleRandom random, Span<float> target)
    {
        var size = transform.Size;
        RgbImage fresh;
        if (crop is not null)
            fresh = ImageResize.Resize(image, crop.Draw(image.Width, image.Height, random), size, size, Filter(transform, random));
        else
        {
            fresh = transform.Fit(image);
            if (config.Pad is > 0 and var pad)
            {
                var padded = ImageGeometry.Pad(fresh, pad, pad, pad, pad, config.PadMode);
                fresh = ImageGeometry.Crop(padded, new PixelBox(random.Next(2 * pad + 1), random.Next(2 * pad + 1), size, size));
            }
            else if (ReferenceEquals(fresh, image)) fresh = image.Clone();
        }
        Finish(fresh, transform, random, target);
    }

    void Finish(RgbImage image, ImageTransform transform, SampleRandom random, Span<float> target)
    {
        if (config.Flip > 0 && random.Chance(config.Flip)) ImageGeometry.FlipHorizontal(image);
        if (randAugment is not null) image = randAugment.Apply(image, random);
        jitter?.Apply(image, random);
        transform.Normalize(image, target);
        erasing?.Apply(target, transform.Channels, transform.Size, transform.Size, random);
    }

    ResizeFilter Filter(ImageTransform transform, SampleRandom random) =>
        !RandomFilter ? transform.Filter : random.Chance(0.5) ? ResizeFilter.Bilinear : ResizeFilter.Bicubic;

    // Rounded to reduced pixels, so at most half a pixel of the result off.
    static PixelBox Reduce(PixelBox box, int scale, int width, int height)
    {
        int Scaled(int value) => (value + scale / 2) / scale;
        var (x, y) = (Math.Min(Scaled(box.X), width - 1), Math.Min(Scaled(box.Y), height - 1));
        return new PixelBox(x, y, Math.Clamp(Scaled(box.X + box.Width) - x, 1, width - x), Math.Clamp(Scaled(box.Y + box.Height) - y, 1, height - y));
    }
}
