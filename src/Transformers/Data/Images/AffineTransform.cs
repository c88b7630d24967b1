namespace Transformers.Data.Images;

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
                if (filter == ResizeFilter.Bicubic) Cubic(source, fromX - 0.5, fromY - 0.5, row[(3 * x)..]);
                else Linear(source, fromX - 0.5, fromY - 0.5, row[(3 * x)..]);
            }
        }
        return target;
    }

    static void Linear(RgbImage source, double atX, double atY, Span<byte> pixel)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (atX - x, atY - y);
        var (left, right) = (3 * Inside(x, source.Width), 3 * Inside(x + 1, source.Width));
        var upper = source.Row(Inside(y, source.Height));
        var lower = source.Row(Inside(y + 1, source.Height));
        for (var c = 0; c < 3; c++)
        {
            var above = upper[left + c] + (upper[right + c] - upper[left + c]) * dx;
            var below = lower[left + c] + (lower[right + c] - lower[left + c]) * dx;
            pixel[c] = (byte)(above + (below - above) * dy);
        }
    }

    static void Cubic(RgbImage source, double atX, double atY, Span<byte> pixel)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (atX - x, atY - y);
        var (x0, x1) = (3 * Inside(x - 1, source.Width), 3 * Inside(x, source.Width));
        var (x2, x3) = (3 * Inside(x + 1, source.Width), 3 * Inside(x + 2, source.Width));
        var r0 = source.Row(Inside(y - 1, source.Height));
        var r1 = source.Row(Inside(y, source.Height));
        var r2 = source.Row(Inside(y + 1, source.Height));
        var r3 = source.Row(Inside(y + 2, source.Height));
        for (var c = 0; c < 3; c++)
        {
            var value = Keys(
                Keys(r0[x0 + c], r0[x1 + c], r0[x2 + c], r0[x3 + c], dx), Keys(r1[x0 + c], r1[x1 + c], r1[x2 + c], r1[x3 + c], dx),
                Keys(r2[x0 + c], r2[x1 + c], r2[x2 + c], r2[x3 + c], dx), Keys(r3[x0 + c], r3[x1 + c], r3[x2 + c], r3[x3 + c], dx), dy);
            pixel[c] = (byte)Math.Clamp(value, 0, 255);
        }
    }

    // Keys' cubic through four points with a = -1, at a distance from the second.
    static double Keys(double p, double q, double r, double s, double at) =>
        q + at * (r - p + at * (2 * (p - q) + r - s + at * (q - p + s - r)));

    static int Inside(int i, int length) => Math.Clamp(i, 0, length - 1);
}
