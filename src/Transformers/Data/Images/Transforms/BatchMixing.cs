using Transformers.IO;

namespace Transformers.Data.Images.Transforms;

/// <summary>Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019) over a batch, with timm's batch mode.</summary>
/// <remarks>Example i is mixed with example B-1-i, all with the same share; of the two methods one is drawn for each batch.</remarks>
/// <param name="MixupAlpha">Beta's parameter for mixup; 0 turns it off.</param>
/// <param name="CutMixAlpha">Beta's parameter for CutMix; 0 turns it off.</param>
/// <param name="Probability">That a batch is mixed at all.</param>
/// <param name="SwitchToCutMix">Where both are on: the probability of CutMix.</param>
public sealed record BatchMixing(double MixupAlpha, double CutMixAlpha, double Probability = 1, double SwitchToCutMix = 0.5)
{
    /// <summary>Mixes pictures in place and gives the mixed targets, rows of which sum to 1.</summary>
    /// <param name="pixels">[B, C, Y, X].</param>
    /// <param name="labels">B classes.</param>
    /// <param name="classes">N.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">Y.</param>
    /// <param name="width">X.</param>
    /// <param name="random">Decides everything.</param>
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
                var share = (float)kept;
                ForPairs(labels.Length, pixels, image, (a, b) => Blend(a, b, share));
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

    /// <summary>A rectangle of about (1 - kept) of the area about a random centre, cut off at the picture's edge.</summary>
    public static PixelBox CutBox(double kept, int height, int width, SampleRandom random)
    {
        var side = Math.Sqrt(1 - kept);
        var (h, w) = ((int)(height * side), (int)(width * side));
        var (y, x) = (random.Next(height), random.Next(width));
        var (top, bottom) = (Math.Clamp(y - h / 2, 0, height), Math.Clamp(y + h / 2, 0, height));
        var (left, right) = (Math.Clamp(x - w / 2, 0, width), Math.Clamp(x + w / 2, 0, width));
        return new PixelBox(left, top, right - left, bottom - top);
    }

    delegate void Pair(Span<float> a, Span<float> b);

    // A middle example that would meet itself stays as it is.
    static void ForPairs(int count, Span<float> pixels, int image, Pair pair)
    {
        for (int i = 0, j = count - 1; i < j; i++, j--)
            pair(pixels.Slice(i * image, image), pixels.Slice(j * image, image));
    }

    static void Blend(Span<float> a, Span<float> b, float share)
    {
        for (var i = 0; i < a.Length; i++)
            (a[i], b[i]) = (a[i] * share + b[i] * (1 - share), b[i] * share + a[i] * (1 - share));
    }

    static void Exchange(Span<float> a, Span<float> b, PixelBox box, int channels, int height, int width)
    {
        for (var c = 0; c < channels; c++)
            for (var y = box.Y; y < box.Y + box.Height; y++)
                for (var at = (c * height + y) * width + box.X; at < (c * height + y) * width + box.X + box.Width; at++)
                    (a[at], b[at]) = (b[at], a[at]);
    }
}
