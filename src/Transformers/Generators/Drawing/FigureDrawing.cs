using System.Numerics;
using Transformers.IO.Images;

namespace Transformers.Generators.Drawing;

/// <summary>Draws one figure with everything random except its class.</summary>
sealed class FigureDrawing(DrawingStyle style, int side, SampleRandom random)
{
    public RgbImage Character(char character)
    {
        var forms = Glyphs.FormsOf(character);
        var form = forms[random.Next(forms.Count)];
        var (canvas, ink, background) = Background();
        var place = Place(aspect: 0.72f);
        var width = (float)random.Uniform(style.MinPen, style.MaxPen) * side;
        Clutter(canvas, background);
        foreach (var pen in form)
        {
            var points = pen.Points.Select(p => Vector2.Transform(Miss(p - new Vector2(0.5f)), place)).ToArray();
            // A closed curve stays closed, although its points are moved.
            if (pen.Points[0] == pen.Points[^1]) points[^1] = points[0];
            canvas.Stroke(Glyphs.Line(pen, points), Math.Max(width, 1.2f), ink);
        }
        return canvas.ToImage(random.Uniform(0, style.Noise), random);
    }

    /// <summary>One plane figure, filled or in outline.</summary>
    public RgbImage Shape(string name)
    {
        var (canvas, ink, background) = Background();
        var place = Place(aspect: (float)random.Uniform(0.85, 1));
        Clutter(canvas, background);
        var outlines = Shapes.Outlines(name).Select(loop =>
        {
            // Corners are moved a little; moving the many points of a round figure would make a rough edge.
            var points = loop.Select(p => Vector2.Transform((loop.Length < 15 ? Miss(p) : p) * 0.5f, place)).ToArray();
            points[^1] = points[0];
            return points;
        }).ToArray();
        if (random.Chance(0.6)) canvas.Fill(outlines, ink);
        else
            foreach (var outline in outlines)
                canvas.Stroke(outline, Math.Max((float)random.Uniform(style.MinPen, style.MaxPen) * side * 0.8f, 1.2f), ink);
        return canvas.ToImage(random.Uniform(0, style.Noise), random);
    }

    Vector2 Miss(Vector2 point) => point + (float)style.Wobble * new Vector2((float)random.Normal(), (float)random.Normal());

    // From the figure's box around (0, 0) to pixels: stretched, slanted, rotated, and moved so that it stays inside.
    Matrix3x2 Place(float aspect)
    {
        var height = (float)random.Uniform(style.MinScale, style.MaxScale);
        var width = height * aspect * (float)random.Uniform(0.85, 1.15);
        var angle = (float)(random.Uniform(-style.Rotation, style.Rotation) * Math.PI / 180);
        var free = Math.Max(0, (float)(1 - height) / 2 - 0.06f);
        var center = new Vector2(0.5f) + free * new Vector2((float)random.Uniform(-1, 1), (float)random.Uniform(-1, 1));
        return Matrix3x2.CreateScale(width, height)
            * new Matrix3x2(1, 0, (float)random.Uniform(-style.Shear, style.Shear), 1, 0, 0)
            * Matrix3x2.CreateRotation(angle)
            * Matrix3x2.CreateScale(side)
            * Matrix3x2.CreateTranslation(center * side);
    }

    (Canvas Canvas, Vector3 Ink, float Background) Background()
    {
        var canvas = new Canvas(side);
        var sign = random.Chance(style.DarkInk) ? -1 : 1;
        Vector3 first, ink;
        do (first, ink) = (Color(), Color());
        while (sign * (Brightness(ink) - Brightness(first)) < style.Contrast + 0.1);
        // The background varies over the image, but not enough to hide the ink.
        var second = Vector3.Lerp(first, Color(), 0.15f);
        var angle = random.Uniform(0, 2 * Math.PI);
        canvas.Shade(first, second, new Vector2((float)Math.Cos(angle), (float)Math.Sin(angle)));
        return (canvas, ink, Brightness(first));
    }

    // Stray strokes near the edge and small blots, as bright as the background: clutter that is not read as ink.
    void Clutter(Canvas canvas, float background)
    {
        for (var left = random.Next(style.Clutter + 1); left > 0; left--)
        {
            Vector3 color;
            do color = Color();
            while (Math.Abs(Brightness(color) - background) > style.Contrast * 0.6);
            var start = side * new Vector2((float)random.NextDouble(), (float)random.NextDouble());
            var angle = random.Uniform(0, 2 * Math.PI);
            var length = side * random.Uniform(0, 0.4);
            var end = start + (float)length * new Vector2((float)Math.Cos(angle), (float)Math.Sin(angle));
            canvas.Stroke([start, end], (float)random.Uniform(style.MinPen, style.MaxPen) * side, color);
        }
    }

    Vector3 Color() => new((float)random.NextDouble(), (float)random.NextDouble(), (float)random.NextDouble());

    static float Brightness(Vector3 color) => Vector3.Dot(color, new Vector3(0.299f, 0.587f, 0.114f));
}

/// <summary>How much drawn images differ from a neat figure in the middle; lengths are fractions of the image's side.</summary>
sealed record DrawingStyle
{
    /// <summary>Digits and letters: hard for a linear classifier on the pixels, but easy for people to read.</summary>
    public static readonly DrawingStyle Written = new();

    /// <summary>Figures, which may be rotated by any angle.</summary>
    public static readonly DrawingStyle Figures = new() { Rotation = 180, Wobble = 0.04, DarkInk = 0.5 };

    /// <summary>The maximum rotation in either direction, in degrees.</summary>
    public double Rotation { get; init; } = 20;
    /// <summary>The maximum slant in either direction.</summary>
    public double Shear { get; init; } = 0.25;
    /// <summary>The minimum height of the figure.</summary>
    public double MinScale { get; init; } = 0.5;
    /// <summary>The maximum height of the figure.</summary>
    public double MaxScale { get; init; } = 0.75;
    /// <summary>How far the pen misses its points (standard deviation, as a fraction of the figure).</summary>
    public double Wobble { get; init; } = 0.035;
    /// <summary>The minimum width of a stroke.</summary>
    public double MinPen { get; init; } = 0.06;
    /// <summary>The maximum width of a stroke.</summary>
    public double MaxPen { get; init; } = 0.12;
    /// <summary>The maximum number of stray strokes and blots.</summary>
    public int Clutter { get; init; } = 3;
    /// <summary>The maximum standard deviation of the noise, for values from 0 to 1.</summary>
    public double Noise { get; init; } = 0.08;
    /// <summary>The probability that the ink is darker than the background; 0 is chalk on a board.</summary>
    public double DarkInk { get; init; }
    /// <summary>The minimum difference in brightness between figure and background, 0 to 1.</summary>
    public double Contrast { get; init; } = 0.35;
}

/// <summary>A square image of floats, on which strokes and areas are painted with smooth edges.</summary>
/// <remarks>Coordinates are pixels from the upper left corner; the coverage of a pixel follows from its distance to the line.</remarks>
sealed class Canvas
{
    readonly Vector3[] pixels;
    readonly float[] nearest;

    public Canvas(int side)
    {
        Side = side;
        pixels = new Vector3[side * side];
        nearest = new float[side * side];
    }

    public int Side { get; }

    /// <summary>A gradient of colours from one corner to the opposite one, with components from 0 to 1.</summary>
    public void Shade(Vector3 from, Vector3 to, Vector2 direction)
    {
        for (var i = 0; i < pixels.Length; i++)
        {
            var at = Vector2.Dot(Center(i) / Side - new Vector2(0.5f), direction) + 0.5f;
            pixels[i] = Vector3.Lerp(from, to, Math.Clamp(at, 0, 1));
        }
    }

    /// <summary>Paints a line of a given width through points.</summary>
    public void Stroke(ReadOnlySpan<Vector2> points, float width, Vector3 color)
    {
        if (points.Length == 0) return;
        var reach = width / 2 + 1;
        // Each piece affects only its surroundings; the nearest piece decides, so that pieces join without seams.
        Array.Fill(nearest, float.MaxValue);
        for (var i = 0; i < points.Length; i++)
        {
            var piece = i + 1 < points.Length ? points.Slice(i, 2) : points[i..];
            var (low, high) = Bounds(piece, reach);
            for (var y = low.Y; y < high.Y; y++)
                for (var x = low.X; x < high.X; x++)
                {
                    ref var best = ref nearest[y * Side + x];
                    best = Math.Min(best, SquaredDistance(new Vector2(x + 0.5f, y + 0.5f), piece));
                }
        }
        for (var i = 0; i < nearest.Length; i++)
            if (nearest[i] < reach * reach) Paint(i % Side, i / Side, color, width / 2 - MathF.Sqrt(nearest[i]) + 0.5f);
    }

    /// <summary>Fills what closed lines enclose, by the even-odd rule.</summary>
    public void Fill(IReadOnlyList<Vector2[]> loops, Vector3 color)
    {
        var (low, high) = Bounds([.. loops.SelectMany(l => l)], 1);
        for (var y = low.Y; y < high.Y; y++)
            for (var x = low.X; x < high.X; x++)
            {
                var at = new Vector2(x + 0.5f, y + 0.5f);
                var edge = float.MaxValue;
                var inside = false;
                foreach (var loop in loops)
                {
                    edge = Math.Min(edge, SquaredDistance(at, loop));
                    for (var i = 1; i < loop.Length; i++)
                    {
                        var (a, b) = (loop[i - 1], loop[i]);
                        if (a.Y > at.Y != b.Y > at.Y && at.X < (b.X - a.X) * (at.Y - a.Y) / (b.Y - a.Y) + a.X) inside = !inside;
                    }
                }
                var distance = MathF.Sqrt(edge);
                Paint(x, y, color, (inside ? distance : -distance) + 0.5f);
            }
    }

    public RgbImage ToImage(double noise, SampleRandom random)
    {
        var image = new RgbImage(Side, Side);
        for (var i = 0; i < pixels.Length; i++)
            for (var c = 0; c < 3; c++)
                image.Pixels[3 * i + c] = (byte)Math.Clamp((pixels[i][c] + noise * random.Normal()) * 255 + 0.5, 0, 255);
        return image;
    }

    Vector2 Center(int i) => new(i % Side + 0.5f, i / Side + 0.5f);

    void Paint(int x, int y, Vector3 color, float cover)
    {
        if (cover <= 0) return;
        ref var pixel = ref pixels[y * Side + x];
        pixel = Vector3.Lerp(pixel, color, Math.Min(cover, 1));
    }

    ((int X, int Y) Low, (int X, int Y) High) Bounds(ReadOnlySpan<Vector2> points, float reach)
    {
        Vector2 low = new(float.MaxValue), high = new(float.MinValue);
        foreach (var point in points) (low, high) = (Vector2.Min(low, point), Vector2.Max(high, point));
        return (((int)Math.Clamp(low.X - reach, 0, Side), (int)Math.Clamp(low.Y - reach, 0, Side)),
            ((int)Math.Clamp(high.X + reach + 1, 0, Side), (int)Math.Clamp(high.Y + reach + 1, 0, Side)));
    }

    static float SquaredDistance(Vector2 at, ReadOnlySpan<Vector2> line)
    {
        var shortest = Vector2.DistanceSquared(at, line[0]);
        for (var i = 1; i < line.Length; i++)
        {
            var (a, along) = (line[i - 1], line[i] - line[i - 1]);
            var length = along.LengthSquared();
            var part = length == 0 ? 0 : Math.Clamp(Vector2.Dot(at - a, along) / length, 0, 1);
            shortest = Math.Min(shortest, Vector2.DistanceSquared(at, a + part * along));
        }
        return shortest;
    }
}
