using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Transforms;

/// <summary>
/// A linear map of the plane with a shift: target pixel (x, y) shows what the source has at
/// (<c>A x + B y + C</c>, <c>D x + E y + F</c>), coordinates taken at pixel centres.
/// </summary>
/// <remarks>The interpolation is that of Pillow's <c>Image.transform</c>: without antialiasing, cubic with a = -1.</remarks>
public readonly record struct AffineTransform(double A, double B, double C, double D, double E, double F)
{
    /// <summary>Slants rows: <c>x + factor * y</c>.</summary>
    public static AffineTransform ShearX(double factor) => new(1, factor, 0, 0, 1, 0);
    /// <summary>Slants columns: <c>y + factor * x</c>.</summary>
    public static AffineTransform ShearY(double factor) => new(1, 0, 0, factor, 1, 0);
    /// <summary>Moves the source window by pixels (the picture moves the other way).</summary>
    public static AffineTransform Translate(double x, double y) => new(1, 0, x, 0, 1, y);

    /// <summary>Turns a picture of a size about its centre, counter-clockwise by degrees.</summary>
    public static AffineTransform Rotate(double degrees, int width, int height)
    {
        var (sin, cos) = Math.SinCos(-degrees * Math.PI / 180);
        var (x, y) = (width / 2.0, height / 2.0);
        return new AffineTransform(cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y);
    }

    /// <summary>The picture that this map shows, of the same size.</summary>
    /// <param name="source">The picture.</param>
    /// <param name="filter">The interpolation.</param>
    /// <param name="fill">0xRRGGBB where the map leaves the picture.</param>
    public RgbImage Apply(RgbImage source, ResizeFilter filter, int fill)
    {
        var target = new RgbImage(source.Width, source.Height);
        ImageGeometry.Fill(target, fill);
        for (var y = 0; y < target.Height; y++)
        {
            var row = target.Row(y);
            for (var x = 0; x < target.Width; x++)
            {
                var fromX = A * (x + 0.5) + B * (y + 0.5) + C;
                var fromY = D * (x + 0.5) + E * (y + 0.5) + F;
                if (fromX < 0 || fromX >= source.Width || fromY < 0 || fromY >= source.Height) continue;
                var value = filter == ResizeFilter.Bicubic ? Cubic(source, fromX - 0.5, fromY - 0.5) : Linear(source, fromX - 0.5, fromY - 0.5);
                var bytes = Vector256.Min(Vector256.Max(value, Vector256<double>.Zero), Vector256.Create(255.0));
                var pixel = row.Slice(3 * x, 3);
                (pixel[0], pixel[1], pixel[2]) = ((byte)bytes[0], (byte)bytes[1], (byte)bytes[2]);
            }
        }
        return target;
    }

    // A pixel's three channels lie side by side in a vector, so each formula is written, and computed, once.
    static Vector256<double> Linear(RgbImage source, double atX, double atY)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (Vector256.Create(atX - x), Vector256.Create(atY - y));
        var (left, right) = (Inside(x, source.Width), Inside(x + 1, source.Width));
        var (upper, lower) = (Inside(y, source.Height), Inside(y + 1, source.Height));
        Vector256<double> p = Pixel(source, left, upper), q = Pixel(source, left, lower);
        var above = p + (Pixel(source, right, upper) - p) * dx;
        var below = q + (Pixel(source, right, lower) - q) * dx;
        return above + (below - above) * dy;
    }

    static Vector256<double> Cubic(RgbImage source, double atX, double atY)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (Vector256.Create(atX - x), Vector256.Create(atY - y));
        var (x0, x1) = (Inside(x - 1, source.Width), Inside(x, source.Width));
        var (x2, x3) = (Inside(x + 1, source.Width), Inside(x + 2, source.Width));
        Vector256<double> Row(int at) =>
            Keys(Pixel(source, x0, at), Pixel(source, x1, at), Pixel(source, x2, at), Pixel(source, x3, at), dx);
        return Keys(Row(Inside(y - 1, source.Height)), Row(Inside(y, source.Height)),
            Row(Inside(y + 1, source.Height)), Row(Inside(y + 2, source.Height)), dy);
    }

    // Keys' cubic through four points with a = -1, at a distance from the second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Keys(Vector256<double> p, Vector256<double> q, Vector256<double> r, Vector256<double> s, Vector256<double> at) =>
        q + at * (r - p + at * (2 * (p - q) + r - s + at * (q - p + s - r)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Pixel(RgbImage source, int x, int y)
    {
        ref var at = ref source.Pixels[3 * (y * source.Width + x)];
        // Four bytes at once; the last pixel has only three, so it is shifted down from one byte earlier.
        var last = x == source.Width - 1 && y == source.Height - 1;
        var bits = last && x + y > 0 ? Unsafe.ReadUnaligned<uint>(ref Unsafe.Subtract(ref at, 1)) >> 8
            : last ? (uint)(at | Unsafe.Add(ref at, 1) << 8 | Unsafe.Add(ref at, 2) << 16) : Unsafe.ReadUnaligned<uint>(ref at);
        var whole = Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(bits).AsByte())).AsInt32();
        return Vector256.ConvertToDouble(Vector256.Create(Vector128.WidenLower(whole), Vector128.WidenUpper(whole)));
    }

    static int Inside(int i, int length) => Math.Clamp(i, 0, length - 1);
}
