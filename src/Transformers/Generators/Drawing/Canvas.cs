using System.Numerics;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Generators.Drawing;

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
