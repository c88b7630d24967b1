using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>A rectangle of whole pixels.</summary>
readonly record struct PixelBox(int X, int Y, int Width, int Height);

/// <summary>Antialiased resizing, equal to Pillow's to the last bit.</summary>
static unsafe class ImageResize
{
    public static RgbImage Resize(RgbImage source, int width, int height, ResizeFilter filter) =>
        Resize(source, new PixelBox(0, 0, source.Width, source.Height), width, height, filter);

    /// <summary>Crops a rectangle and resizes it; pixels outside it have no influence.</summary>
    public static RgbImage Resize(RgbImage source, PixelBox box, int width, int height, ResizeFilter filter)
    {
        var target = new RgbImage(width, height);
        ResizeInto(source, box, target, filter);
        return target;
    }

    /// <summary>Crops a rectangle and resizes it to fill another image.</summary>
    public static void ResizeInto(RgbImage source, PixelBox box, RgbImage target, ResizeFilter filter)
    {
        if (box.X < 0 || box.Y < 0 || box.Width <= 0 || box.Height <= 0
            || box.X > source.Width - box.Width || box.Y > source.Height - box.Height)
            throw new ArgumentException($"{box} is not inside an image of {source.Width} x {source.Height}");
        fixed (byte* from = source.Pixels, to = target.Pixels)
        {
            var start = from + 3 * ((long)box.Y * source.Width + box.X);
            var end = from + source.Pixels.LongLength;
            var stride = 3 * source.Width;
            if (box.Width == target.Width)
            {
                Vertically(start, stride, box.Height, to, target.Width, target.Height, filter);
                return;
            }
            var across = new ResampleWeights(box.Width, target.Width, filter);
            if (box.Height == target.Height)
            {
                Horizontally(start, end, stride, box.Height, to, target.Width, across);
                return;
            }
            var middle = ArrayPool<byte>.Shared.Rent(checked(3 * target.Width * box.Height));
            fixed (byte* between = middle)
            {
                Horizontally(start, end, stride, box.Height, between, target.Width, across);
                Vertically(between, 3 * target.Width, box.Height, to, target.Width, target.Height, filter);
            }
            ArrayPool<byte>.Shared.Return(middle);
        }
    }

    static void Horizontally(byte* from, byte* end, int stride, int rows, byte* to, int width, ResampleWeights across)
    {
        fixed (int* weights = across.Weights, first = across.First, count = across.Count)
        {
            var y = 0;
            // Four rows share the weights, and their sums do not wait for one another.
            for (; y + 4 < rows; y += 4)
            {
                var row = from + (long)y * stride;
                var output = to + 3L * width * y;
                for (var x = 0; x < width; x++, output += 3)
                {
                    var pixel = row + 3 * first[x];
                    var weight = weights + x * across.Stride;
                    Vector128<int> sum0 = Half, sum1 = Half, sum2 = Half, sum3 = Half;
                    for (var k = 0; k < count[x]; k++, pixel += 3)
                    {
                        var w = Vector128.Create(weight[k]);
                        sum0 += Load(pixel) * w;
                        sum1 += Load(pixel + stride) * w;
                        sum2 += Load(pixel + 2L * stride) * w;
                        sum3 += Load(pixel + 3L * stride) * w;
                    }
                    Store(sum0, output);
                    Store(sum1, output + 3L * width);
                    Store(sum2, output + 6L * width);
                    Store(sum3, output + 9L * width);
                }
            }
            // The last rows one by one: a load takes four bytes, and the very last pixel has only three left.
            for (; y < rows; y++)
            {
                var output = to + 3L * width * y;
                for (var x = 0; x < width; x++, output += 3)
                {
                    var pixel = from + (long)y * stride + 3 * first[x];
                    var sum = Half;
                    for (var k = 0; k < count[x]; k++, pixel += 3)
                        sum += (end - pixel >= 4 ? Load(pixel) : Vector128.Create(pixel[0], pixel[1], pixel[2], 0))
                            * Vector128.Create(weights[x * across.Stride + k]);
                    Store(sum, output);
                }
            }
        }
    }

    static void Vertically(byte* from, int stride, int rows, byte* to, int width, int height, ResizeFilter filter)
    {
        var line = 3 * width;
        if (rows == height)
        {
            for (var y = 0; y < height; y++) Buffer.MemoryCopy(from + (long)y * stride, to + (long)y * line, line, line);
            return;
        }
        var down = new ResampleWeights(rows, height, filter);
        fixed (int* weights = down.Weights)
            for (var y = 0; y < height; y++)
            {
                var column = from + (long)down.First[y] * stride;
                var weight = weights + (long)y * down.Stride;
                var count = down.Count[y];
                var output = to + (long)y * line;
                var x = 0;
                for (; x + 16 <= line; x += 16)
                {
                    Vector128<int> sum0 = Half, sum1 = Half, sum2 = Half, sum3 = Half;
                    var pixel = column + x;
                    for (var k = 0; k < count; k++, pixel += stride)
                    {
                        var w = Vector128.Create(weight[k]);
                        var (low, high) = Vector128.Widen(Vector128.Load(pixel));
                        sum0 += Vector128.WidenLower(low).AsInt32() * w;
                        sum1 += Vector128.WidenUpper(low).AsInt32() * w;
                        sum2 += Vector128.WidenLower(high).AsInt32() * w;
                        sum3 += Vector128.WidenUpper(high).AsInt32() * w;
                    }
                    var lower = Vector128.Narrow(Clip(sum0), Clip(sum1)).AsUInt16();
                    var upper = Vector128.Narrow(Clip(sum2), Clip(sum3)).AsUInt16();
                    Vector128.Narrow(lower, upper).Store(output + x);
                }
                for (; x < line; x++)
                {
                    var sum = 1 << (ResampleWeights.Bits - 1);
                    for (var k = 0; k < count; k++) sum += column[(long)k * stride + x] * weight[k];
                    output[x] = (byte)Math.Clamp(sum >> ResampleWeights.Bits, 0, 255);
                }
            }
    }

    static Vector128<int> Half => Vector128.Create(1 << (ResampleWeights.Bits - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> Load(byte* pixel) =>
        Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(pixel)).AsByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> Clip(Vector128<int> sum) =>
        Vector128.Min(Vector128.Max(sum >> ResampleWeights.Bits, Vector128<int>.Zero), Vector128.Create(255));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(Vector128<int> sum, byte* output)
    {
        var clipped = Clip(sum);
        output[0] = (byte)clipped.ToScalar();
        output[1] = (byte)clipped.GetElement(1);
        output[2] = (byte)clipped.GetElement(2);
    }
}

/// <summary>The resampling filter: how resizing weights the pixels around a point.</summary>
public enum ResizeFilter
{
    /// <summary>The triangle: linear in the distance, extending one pixel to each side.</summary>
    Bilinear,
    /// <summary>Keys' cubic with a = -0.5, extending two pixels to each side.</summary>
    Bicubic,
}

/// <summary>For each pixel of a target line: which pixels of the source line contribute to it, and with what weight.</summary>
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
    /// <summary>How many source pixels contribute.</summary>
    public readonly int[] Count;
    /// <summary>Weights: those of target pixel i start at <c>i * Stride</c>.</summary>
    public readonly int[] Weights;
    /// <summary>The number of weights reserved for each target pixel.</summary>
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
