using System.Numerics;

namespace Transformers.Generators.Drawing;

/// <summary>Plane figures as closed lines about (0, 0), within a circle of radius 1.</summary>
static class Shapes
{
    /// <summary>The figures' names.</summary>
    public static readonly string[] Names = ["circle", "crescent", "cross", "hexagon", "semicircle", "square", "star", "triangle"];

    /// <summary>A figure's outlines; the last point of each is its first.</summary>
    public static Vector2[][] Outlines(string name) => name switch
    {
        "circle" => [Regular(40, 0.95f)],
        "semicircle" => [Semicircle(0.95f)],
        "triangle" => [Regular(3, 1)],
        "square" => [Regular(4, 1)],
        "hexagon" => [Regular(6, 1)],
        "star" => [[.. Enumerable.Range(0, 11).Select(i => At(i / 10f, i % 2 == 0 ? 1 : 0.42f))]],
        "cross" => [Cross(0.3f, 0.95f)],
        "crescent" => [Crescent(0.95f, 0.45f)],
        _ => throw new ArgumentException($"no shape is called {name}"),
    };

    static Vector2 At(float turn, float radius) => radius * new Vector2(MathF.Sin(2 * MathF.PI * turn), -MathF.Cos(2 * MathF.PI * turn));

    static Vector2[] Regular(int corners, float radius) => [.. Enumerable.Range(0, corners + 1).Select(i => At((float)(i % corners) / corners, radius))];

    static Vector2[] Cross(float half, float end)
    {
        var quarter = new Vector2[] { new(half, -end), new(half, -half), new(end, -half) };
        var points = Enumerable.Range(0, 4).SelectMany(q => quarter.Select(p => Vector2.Transform(p, Matrix3x2.CreateRotation(q * MathF.PI / 2)))).ToList();
        return [.. points, points[0]];
    }

    // Half a circle, moved so that its middle is about the centre.
    static Vector2[] Semicircle(float radius) =>
        [.. Enumerable.Range(0, 25).Select(i => At(-0.25f + i / 48f, radius)).Append(At(-0.25f, radius)).Select(p => p + new Vector2(0, 0.4f))];

    // Two arcs between the same two points: the far side of one circle, the near side of another to its right.
    static Vector2[] Crescent(float radius, float shift)
    {
        var tip = MathF.Acos(shift / 2 / radius);
        var outer = Enumerable.Range(0, 33).Select(i => tip + (2 * MathF.PI - 2 * tip) * i / 32)
            .Select(a => radius * new Vector2(MathF.Cos(a), MathF.Sin(a)));
        var inner = Enumerable.Range(0, 33).Select(i => MathF.PI + tip - 2 * tip * i / 32)
            .Select(a => new Vector2(shift, 0) + radius * new Vector2(MathF.Cos(a), MathF.Sin(a)));
        var points = outer.Concat(inner).ToList();
        return [.. points, points[0]];
    }
}
