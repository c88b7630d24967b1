using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019) over a batch, with timm's batch mode.</summary>
/// <remarks>Example i is mixed with example B-1-i, all with the same weight; one of the two methods is drawn for each batch.</remarks>
/// <param name="MixupAlpha">Beta's parameter for mixup; 0 turns it off.</param>
/// <param name="CutMixAlpha">Beta's parameter for CutMix; 0 turns it off.</param>
/// <param name="Probability">The probability that a batch is mixed at all.</param>
/// <param name="SwitchToCutMix">The probability of CutMix if both are on.</param>
public sealed record BatchMixing(double MixupAlpha, double CutMixAlpha, double Probability = 1, double SwitchToCutMix = 0.5)
{
    /// <summary>Mixes images in place and returns the mixed targets, whose rows sum to 1.</summary>
    /// <param name="pixels">[B, C, Y, X].</param>
    /// <param name="labels">B classes.</param>
    /// <param name="classes">N.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">Y.</param>
    /// <param name="width">X.</param>
    /// <param name="random">The source of randomness.</param>
    /// <returns>[B, N].</returns>
    public float[] Apply(Span<float> pixels, ReadOnlySpan<long> labels, int classes, int channels, int height, int width, SampleRandom random)
    {
        var kept = 1.0;
        var image = channels * height * width;
        if (random.Chance(Probability) && (MixupAlpha > 0 || CutMixAlpha > 0))
        {
            var cut = CutMixAlpha > 0 && (MixupAlpha <= 0 || random.Chance(SwitchToCutMix));
            kept = random.Beta(cut ? CutMixAlpha : MixupAlpha);
            if (cut)
            {
                var box = CutBox(kept, height, width, random);
                kept = 1 - (double)box.Width * box.Height / (height * width);
                ForPairs(labels.Length, pixels, image, (a, b) => Exchange(a, b, box, channels, height, width));
            }
            else
            {
                var weight = (float)kept;
                ForPairs(labels.Length, pixels, image, (a, b) => Blend(a, b, weight));
            }
        }
        var targets = new float[labels.Length * classes];
        for (var i = 0; i < labels.Length; i++)
        {
            targets[i * classes + (int)labels[i]] += (float)kept;
            targets[i * classes + (int)labels[labels.Length - 1 - i]] += (float)(1 - kept);
        }
        return targets;
    }

    /// <summary>A rectangle of about (1 - kept) of the area around a random centre, clipped at the image's edge.</summary>
    internal static PixelBox CutBox(double kept, int height, int width, SampleRandom random)
    {
        var side = Math.Sqrt(1 - kept);
        var (h, w) = ((int)(height * side), (int)(width * side));
        var (y, x) = (random.Next(height), random.Next(width));
        var (top, bottom) = (Math.Clamp(y - h / 2, 0, height), Math.Clamp(y + h / 2, 0, height));
        var (left, right) = (Math.Clamp(x - w / 2, 0, width), Math.Clamp(x + w / 2, 0, width));
        return new PixelBox(left, top, right - left, bottom - top);
    }

    delegate void Pair(Span<float> a, Span<float> b);

    // The middle example would be mixed with itself.
    static void ForPairs(int count, Span<float> pixels, int image, Pair pair)
    {
        for (int i = 0, j = count - 1; i < j; i++, j--)
            pair(pixels.Slice(i * image, image), pixels.Slice(j * image, image));
    }

    static void Blend(Span<float> a, Span<float> b, float weight)
    {
        for (var i = 0; i < a.Length; i++)
            (a[i], b[i]) = (a[i] * weight + b[i] * (1 - weight), b[i] * weight + a[i] * (1 - weight));
    }

    static void Exchange(Span<float> a, Span<float> b, PixelBox box, int channels, int height, int width)
    {
        for (var c = 0; c < channels; c++)
            for (var y = box.Y; y < box.Y + box.Height; y++)
                for (var at = (c * height + y) * width + box.X; at < (c * height + y) * width + box.X + box.Width; at++)
                    (a[at], b[at]) = (b[at], a[at]);
    }
}

/// <summary>Fills a random rectangle of a normalised image with noise (Zhong et al. 2017; timm's <c>pixel</c> mode).</summary>
sealed record RandomErasing(double Probability, double MinArea = 0.02, double MaxArea = 1.0 / 3, double MinRatio = 0.3)
{
    /// <summary>Changes one image in place.</summary>
    /// <param name="pixels">[C, Y, X], normalised: the noise has mean 0 and deviation 1.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">Y.</param>
    /// <param name="width">X.</param>
    /// <param name="random">The source of randomness.</param>
    public void Apply(Span<float> pixels, int channels, int height, int width, SampleRandom random)
    {
        if (!random.Chance(Probability)) return;
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var area = random.Uniform(MinArea, MaxArea) * height * width;
            var ratio = Math.Exp(random.Uniform(Math.Log(MinRatio), -Math.Log(MinRatio)));
            var h = (int)Math.Round(Math.Sqrt(area * ratio));
            var w = (int)Math.Round(Math.Sqrt(area / ratio));
            if (h < 1 || w < 1 || h >= height || w >= width) continue;
            var (top, left) = (random.Next(height - h + 1), random.Next(width - w + 1));
            for (var c = 0; c < channels; c++)
                for (var y = top; y < top + h; y++)
                    foreach (ref var value in pixels.Slice((c * height + y) * width + left, w))
                        value = (float)random.Normal();
            return;
        }
    }
}

/// <summary>A random rectangle of an image, to be resized to the training size (Inception's crop).</summary>
sealed record RandomResizedCrop(double MinArea = 0.08, double MaxArea = 1, double MinRatio = 3.0 / 4, double MaxRatio = 4.0 / 3)
{
    /// <summary>Draws a rectangle; after ten that do not fit, the largest central one within the ratios.</summary>
    public PixelBox Draw(int width, int height, SampleRandom random)
    {
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var area = (double)width * height * random.Uniform(MinArea, MaxArea);
            var ratio = Math.Exp(random.Uniform(Math.Log(MinRatio), Math.Log(MaxRatio)));
            var w = (int)Math.Round(Math.Sqrt(area * ratio));
            var h = (int)Math.Round(Math.Sqrt(area / ratio));
            if (w < 1 || h < 1 || w > width || h > height) continue;
            return new PixelBox(random.Next(width - w + 1), random.Next(height - h + 1), w, h);
        }
        var (columns, rows) = (width, height);
        if ((double)width / height < MinRatio) rows = Math.Clamp((int)Math.Round(width / MinRatio), 1, height);
        else if ((double)width / height > MaxRatio) columns = Math.Clamp((int)Math.Round(height * MaxRatio), 1, width);
        return new PixelBox((width - columns) / 2, (height - rows) / 2, columns, rows);
    }
}

/// <summary>Random brightness, contrast, saturation and hue, in a random order, as in torchvision.</summary>
/// <param name="Brightness">The factor is drawn from [1 - x, 1 + x], at least 0.</param>
/// <param name="Contrast">Likewise.</param>
/// <param name="Saturation">Likewise.</param>
/// <param name="Hue">The rotation is drawn from [-x, x], at most half a turn.</param>
sealed record ColorJitter(double Brightness, double Contrast, double Saturation, double Hue = 0)
{
    public void Apply(RgbImage image, SampleRandom random)
    {
        Span<int> order = [0, 1, 2, 3];
        random.Shuffle(order);
        foreach (var step in order)
        {
            var amount = step switch { 0 => Brightness, 1 => Contrast, 2 => Saturation, _ => Hue };
            if (amount == 0) continue;
            var value = random.Uniform(-amount, amount);
            switch (step)
            {
                case 0: ImageEnhance.Brightness(image, Math.Max(0, 1 + value)); break;
                case 1: ImageEnhance.Contrast(image, Math.Max(0, 1 + value)); break;
                case 2: ImageEnhance.Color(image, Math.Max(0, 1 + value)); break;
                default: ImageEnhance.Hue(image, value); break;
            }
        }
    }
}
