using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Transforms;

/// <summary>Random brightness, contrast, saturation and hue, in a random order, as torchvision's.</summary>
/// <param name="Brightness">The factor is drawn from [1 - x, 1 + x], at least 0.</param>
/// <param name="Contrast">Likewise.</param>
/// <param name="Saturation">Likewise.</param>
/// <param name="Hue">The turn is drawn from [-x, x], at most half a circle.</param>
public sealed record ColorJitter(double Brightness, double Contrast, double Saturation, double Hue = 0)
{
    /// <summary>Changes a picture in place.</summary>
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
