using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Transforms;

/// <summary>A rectangle of whole pixels.</summary>
/// <param name="X">Its left column.</param>
/// <param name="Y">Its top row.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public readonly record struct PixelBox(int X, int Y, int Width, int Height);

/// <summary>Antialiased resizing, equal to Pillow's to the last bit.</summary>
public static unsafe class ImageResize
{
    /// <summary>Resizes a whole picture.</summary>
    public static RgbImage Resize(RgbImage source, int width, int height, ResizeFilter filter) =>
        Resize(source, new PixelBox(0, 0, source.Width, source.Height), width, height, filter);

    /// <summary>Cuts a rectangle out and resizes it; pixels outside of it have no influence.</summary>
    /// <exception cref="ArgumentException">The rectangle is empty or leaves the picture.</exception>
    public static RgbImage Resize(RgbImage source, PixelBox box, int width, int height, ResizeFilter filter)
    {
        var target = new RgbImage(width, height);
        ResizeInto(source, box, target, filter);
        return target;
    }

    /// <summary>Cuts a rectangle out and resizes it to fill another picture.</summary>
    /// <exception cref="ArgumentException">The rectangle is empty or leaves the picture.</exception>
    public static void ResizeInto(RgbImage source, PixelBox box, RgbImage target, ResizeFilter filter)
    {
        if (box.X < 0 || box.Y < 0 || box.Width <= 0 || box.Height <= 0
            || box.X > source.Width - box.Width || box.Y > source.Height - box.Height)
            throw new ArgumentException($"{box} does not lie in an image of {source.Width} x {source.Height}");
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
