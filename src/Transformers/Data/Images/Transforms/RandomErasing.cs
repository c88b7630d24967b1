using Transformers.IO;

namespace Transformers.Data.Images.Transforms;

/// <summary>Fills a random rectangle of a normalised picture with noise (Zhong et al. 2017; timm's <c>pixel</c> mode).</summary>
/// <param name="Probability">Of erasing at all.</param>
/// <param name="MinArea">Least part of the area.</param>
/// <param name="MaxArea">Greatest part of the area.</param>
/// <param name="MinRatio">Least height over width; the greatest is its inverse.</param>
public sealed record RandomErasing(double Probability, double MinArea = 0.02, double MaxArea = 1.0 / 3, double MinRatio = 0.3)
{
    /// <summary>Changes one picture in place.</summary>
    /// <param name="pixels">[C, Y, X], normalised: the noise has mean 0 and deviation 1.</param>
    /// <param name="channels">C.</param>
    /// <param name="height">Y.</param>
    /// <param name="width">X.</param>
    /// <param name="random">Decides everything.</param>
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
