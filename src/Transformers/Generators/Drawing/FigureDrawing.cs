using System.Numerics;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Generators.Drawing;

/// <summary>Draws one figure with everything random except its class.</summary>
sealed class FigureDrawing(DrawingStyle style, int side, SampleRandom random)
{
    public RgbImage Character(char character)
    {
        var forms = Glyphs.FormsOf(character);
        var form = forms[random.Next(forms.Count)];
        var (canvas, ink, ground) = Ground();
        var place = Place(aspect: 0.72f);
        var width = (float)random.Uniform(style.MinPen, style.MaxPen) * side;
        Clutter(canvas, ground);
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
        var (canvas, ink, ground) = Ground();
        var place = Place(aspect: (float)random.Uniform(0.85, 1));
        Clutter(canvas, ground);
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

    (Canvas Canvas, Vector3 Ink, float Ground) Ground()
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
    void Clutter(Canvas canvas, float ground)
    {
        for (var left = random.Next(style.Clutter + 1); left > 0; left--)
        {
            Vector3 color;
            do color = Color();
            while (Math.Abs(Brightness(color) - ground) > style.Contrast * 0.6);
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
