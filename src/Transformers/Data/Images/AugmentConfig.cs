using Transformers.Configs;
using Transformers.Data.Images.Transforms;
using Transformers.IO;

namespace Transformers.Data.Images;

/// <summary>What happens to training images at random; by default nothing.</summary>
public sealed record AugmentConfig : IChecked
{
    /// <summary>A random rectangle, resized to the input's size; its area as a part of the image's: <c>[0.08, 1]</c>.</summary>
    [Between(0.001, 1)]
    public (double, double)? Crop { get; init; }

    /// <summary>In place of a crop: so many pixels of border, then a random cut of the input's size.</summary>
    [Between(0, 512)]
    public int Pad { get; init; }

    /// <summary>What that border holds.</summary>
    public PadMode PadMode { get; init; }

    /// <summary>Probability of mirroring left and right.</summary>
    [Between(0, 1)]
    public double Flip { get; init; }

    /// <summary>RandAugment in timm's notation, for example <c>rand-m9-mstd0.5</c>.</summary>
    [NotEmpty]
    public string? RandAugment { get; init; }

    /// <summary>Colour jitter: brightness, contrast and saturation change by up to this part.</summary>
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

    /// <summary>Probability that a batch is mixed, where mixup or CutMix is on.</summary>
    [Between(0, 1)]
    public double MixProbability { get; init; } = 1;

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Crop is not var (least, most) || least <= most, "crop", "must give the least area first");
        check.That(Crop is null || Pad == 0, "pad", $"({Pad}) and {check.At("crop")} exclude each other");
        try
        {
            if (RandAugment is not null) Transforms.RandAugment.Parse(RandAugment);
        }
        catch (UserException exception)
        {
            check.That(false, "rand_augment", $"is wrong: {exception.Problems[0].Message}", exception.Problems[0].Hint);
        }
    }

    /// <summary>The augmentation of single images, or null where there is none.</summary>
    public ImageAugmentation? ToAugmentation(ImageTransform transform)
    {
        var mean = transform.Mean.Select(m => (int)Math.Clamp(Math.Round(255 * m), 0, 255)).ToArray();
        var fill = mean.Length == 3 ? mean[0] << 16 | mean[1] << 8 | mean[2] : mean[0] * 0x010101;
        var result = new ImageAugmentation
        {
            Crop = Crop is var (least, most) ? new RandomResizedCrop(least, most) : null,
            Pad = Pad, PadMode = PadMode, Flip = Flip,
            RandAugment = RandAugment is null ? null : Transforms.RandAugment.Parse(RandAugment) with { Fill = fill },
            Jitter = Jitter > 0 ? new ColorJitter(Jitter, Jitter, Jitter) : null,
            Erasing = Erase > 0 ? new RandomErasing(Erase) : null,
        };
        return result == ImageAugmentation.None ? null : result;
    }

    /// <summary>The mixing of batches, or null where there is none.</summary>
    public BatchMixing? ToMixing() => Mixup > 0 || Cutmix > 0 ? new BatchMixing(Mixup, Cutmix, MixProbability) : null;
}
