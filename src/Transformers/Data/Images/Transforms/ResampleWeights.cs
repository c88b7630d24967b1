namespace Transformers.Data.Images.Transforms;

/// <summary>How resizing weighs the pixels around a point.</summary>
public enum ResizeFilter
{
    /// <summary>The triangle: linear in the distance, one pixel wide to each side.</summary>
    Bilinear,
    /// <summary>Keys' cubic with a = -0.5, two pixels wide to each side.</summary>
    Bicubic,
}

/// <summary>For every pixel of a line to be made: which pixels of the source line count, and how much.</summary>
/// <remarks>
/// When a line shrinks the filter is stretched by the same factor, which is what "antialiased" means. The numbers
/// are Pillow's: weights normalised to 1, then fixed point of 22 bits, so that results agree with it.
/// </remarks>
sealed class ResampleWeights
{
    /// <summary>Fractional bits: 32, less 8 of the pixel and 2 for the cubic's overshoot.</summary>
    public const int Bits = 32 - 8 - 2;

    /// <summary>First source pixel of each target pixel.</summary>
    public readonly int[] First;
    /// <summary>How many source pixels count.</summary>
    public readonly int[] Count;
    /// <summary>Weights: those of target pixel i start at <c>i * Stride</c>.</summary>
    public readonly int[] Weights;
    /// <summary>Room for one target pixel's weights.</summary>
    public readonly int Stride;

    public ResampleWeights(int source, int target, ResizeFilter filter)
    {
        var scale = (double)source / target;
        var stretch = Math.Max(scale, 1);
        var support = (filter == ResizeFilter.Bicubic ? 2.0 : 1.0) * stretch;
        Stride = (int)Math.Ceiling(support) * 2 + 1;
        (First, Count, Weights) = (new int[target], new int[target], new int[checked(target * Stride)]);
        Span<double> line = Stride <= 512 ? stackalloc double[Stride] : new double[Stride];
        for (var i = 0; i < target; i++)
        {
            var center = (i + 0.5) * scale;
            var first = Math.Max((int)(center - support + 0.5), 0);
            var count = Math.Min((int)(center + support + 0.5), source) - first;
            var sum = 0.0;
            for (var k = 0; k < count; k++)
            {
                var distance = Math.Abs((first + k - center + 0.5) * (1 / stretch));
                sum += line[k] = filter == ResizeFilter.Bicubic ? Cubic(distance) : Math.Max(1 - distance, 0);
            }
            (First[i], Count[i]) = (first, count);
            for (var k = 0; k < count; k++)
            {
                var fixedPoint = line[k] / sum * (1 << Bits);
                Weights[i * Stride + k] = (int)(fixedPoint < 0 ? fixedPoint - 0.5 : fixedPoint + 0.5);
            }
        }
    }

    static double Cubic(double x)
    {
        const double a = -0.5;
        if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
}
