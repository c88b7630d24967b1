using Transformers.IO;

namespace Transformers.Data.Images.Transforms;

/// <summary>A random rectangle of a picture, to be resized to the training size (Inception's crop).</summary>
/// <param name="MinArea">Least part of the picture's area.</param>
/// <param name="MaxArea">Greatest part.</param>
/// <param name="MinRatio">Least width over height.</param>
/// <param name="MaxRatio">Greatest width over height.</param>
public sealed record RandomResizedCrop(double MinArea = 0.08, double MaxArea = 1, double MinRatio = 3.0 / 4, double MaxRatio = 4.0 / 3)
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
