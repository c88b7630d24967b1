using System.Numerics;
using Transformers.IO.Images;

namespace Transformers.Generators.Drawing;

/// <summary>What is drawn.</summary>
public enum DrawingKind
{
    /// <summary>0 to 9, drawn with strokes.</summary>
    Digits,
    /// <summary>A to Z, drawn with strokes.</summary>
    Letters,
    /// <summary>Eight geometric shapes, filled or outlined.</summary>
    Shapes,
}

/// <summary>Draws labelled images, the same for the same seed, and writes them as PNG files in class folders.</summary>
public static class ImageGenerator
{
    /// <summary>Changes when a seed would give different pixels.</summary>
    public const int Version = 1;

    /// <summary>One image in this many is for testing.</summary>
    public const int TestEvery = 6;

    /// <summary>The names of the classes, in the order of labels.</summary>
    public static IReadOnlyList<string> Classes(DrawingKind kind) => kind switch
    {
        DrawingKind.Digits => [.. Enumerable.Range('0', 10).Select(c => ((char)c).ToString())],
        DrawingKind.Letters => [.. Enumerable.Range('A', 26).Select(c => ((char)c).ToString())],
        DrawingKind.Shapes => Shapes.Names,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>Draws one image.</summary>
    internal static RgbImage Draw(DrawingKind kind, int label, int side, SampleRandom random)
    {
        var name = Classes(kind)[label];
        var drawing = new FigureDrawing(kind == DrawingKind.Shapes ? DrawingStyle.Figures : DrawingStyle.Written, side, random);
        return kind == DrawingKind.Shapes ? drawing.Shape(name) : drawing.Character(name[0]);
    }

    /// <summary>Writes a set as <c>train/CLASS/NNNNNN.png</c> and <c>test/CLASS/NNNNNN.png</c>; it is written completely or not at all.</summary>
    /// <param name="kind">What is drawn.</param>
    /// <param name="folder">A folder that does not exist or is empty.</param>
    /// <param name="count">The number of images; one in <see cref="TestEvery"/> is for testing. Classes are equally frequent.</param>
    /// <param name="seed">The seed; image i does not depend on the number of images.</param>
    /// <param name="side">The side, in pixels.</param>
    /// <param name="cancel">Cancels the writing, and leaves nothing behind.</param>
    /// <exception cref="UserException">The folder is not empty or cannot be written, or a number is out of range.</exception>
    public static void Write(
        DrawingKind kind, string folder, int count, ulong seed, int side = 32, CancellationToken cancel = default)
    {
        var classes = Classes(kind);
        if (side is < 8 or > 1024) throw new UserException($"the side ({side}) must be from 8 to 1024 pixels");
        if (count < TestEvery * classes.Count || count > 10_000_000)
            throw new UserException($"the number of images ({count}) must be from {TestEvery * classes.Count}, for one of each class to test on, to 10,000,000");
        PartialFolder.Fill(folder, "the images", path =>
        {
            foreach (var split in new[] { "train", "test" })
                foreach (var name in classes)
                    Directory.CreateDirectory(Path.Combine(path, split, name));
            AllCores.For(count, i =>
            {
                // Whole rounds of classes are divided instead of single images, so that both splits have each class equally often.
                var (round, label) = (i / classes.Count, i % classes.Count);
                var split = round % TestEvery == TestEvery - 1 ? "test" : "train";
                var image = Draw(kind, label, side, new SampleRandom(seed, (ulong)kind, (ulong)i));
                File.WriteAllBytes(Path.Combine(path, split, classes[label], $"{i:d6}.png"), ImageCodec.EncodePng(image));
            }, cancel);
        });
    }
}

/// <summary>Digits and capital letters as strokes of a pen, in a box from (0, 0), upper left, to (1, 1).</summary>
static class Glyphs
{
    /// <summary>A stroke: the points that the pen passes, in straight lines or in a smooth curve.</summary>
    public readonly record struct Pen(bool Smooth, Vector2[] Points);

    // Points in hundredths; | lifts the pen, ~ draws a curve. A character that people write in several ways has several entries.
    static readonly (char Name, string[] Forms)[] Written =
    [
        ('0', ["~50 0 16 18 10 52 22 88 50 100 78 88 90 52 84 18 50 0"]),
        ('1', ["28 22 56 0 56 100", "28 22 56 0 56 100|28 100 84 100", "50 0 50 100"]),
        ('2', ["~15 25 25 6 50 0 76 10 82 30 68 52 40 75 14 100|14 100 86 100"]),
        ('3', ["~16 14 35 1 62 1 80 16 76 36 46 46|~46 46 78 54 86 76 68 96 40 100 14 88", "16 2 80 2 46 40|~46 40 74 46 86 72 68 96 38 100 14 90"]),
        ('4', ["62 0 10 66 90 66|66 34 66 100", "25 0 16 52 86 52|70 4 70 100"]),
        ('5', ["80 2 24 2 20 44|~20 44 50 36 78 46 86 70 70 94 42 100 14 90"]),
        ('6', ["~76 6 50 4 26 28 14 62 22 90 50 100 78 90 84 68 68 50 42 50 18 66"]),
        ('7', ["12 2 86 2 42 100", "12 2 86 2 42 100|30 50 76 50"]),
        ('8', ["~50 46 24 34 20 14 50 0 80 14 76 34 50 46 20 62 14 84 50 100 86 84 80 62 50 46"]),
        ('9', ["~82 34 60 50 30 50 14 30 24 8 52 0 78 10 84 36 76 72 52 100 30 98", "~80 30 62 48 34 48 18 28 26 8 52 0 74 8 82 28|82 16 78 100"]),
        ('A', ["8 100 50 0 92 100|24 62 76 62"]),
        ('B', ["16 0 16 100|~16 0 60 0 80 22 58 46 16 47|~16 47 66 48 88 72 66 100 16 100"]),
        ('C', ["~86 18 62 0 30 8 12 50 30 92 62 100 86 82"]),
        ('D', ["16 0 16 100|~16 0 56 4 86 30 86 70 56 96 16 100"]),
        ('E', ["84 0 16 0 16 100 84 100|16 48 70 48"]),
        ('F', ["84 0 16 0 16 100|16 48 70 48"]),
        ('G', ["~86 18 62 0 30 8 12 50 30 92 62 100 84 84|84 84 84 56 56 56"]),
        ('H', ["14 0 14 100|86 0 86 100|14 50 86 50"]),
        ('I', ["50 0 50 100|26 0 74 0|26 100 74 100"]),
        ('J', ["70 0 70 70|~70 70 62 94 40 100 20 90 16 70"]),
        ('K', ["16 0 16 100|84 0 16 56|40 42 86 100"]),
        ('L', ["18 0 18 100 84 100"]),
        ('M', ["10 100 16 0 50 60 84 0 90 100"]),
        ('N', ["14 100 14 0 86 100 86 0"]),
        ('O', ["~50 0 20 14 8 50 20 86 50 100 80 86 92 50 80 14 50 0"]),
        ('P', ["16 100 16 0|~16 0 60 0 84 26 60 52 16 54"]),
        ('Q', ["~50 0 20 14 8 50 20 86 50 100 80 86 92 50 80 14 50 0|58 70 94 104"]),
        ('R', ["16 100 16 0|~16 0 60 0 84 26 60 52 16 54|46 54 88 100"]),
        ('S', ["~82 14 56 0 26 6 18 28 40 46 66 54 84 74 70 96 42 100 14 86"]),
        ('T', ["8 0 92 0|50 0 50 100"]),
        ('U', ["~14 0 14 60 28 92 50 100 72 92 86 60 86 0"]),
        ('V', ["8 0 50 100 92 0"]),
        ('W', ["4 0 28 100 50 36 72 100 96 0"]),
        ('X', ["12 0 88 100|88 0 12 100"]),
        ('Y', ["10 0 50 48 90 0|50 48 50 100"]),
        ('Z', ["12 0 88 0 12 100 88 100"]),
    ];

    static readonly Dictionary<char, Pen[][]> Parsed = Written.ToDictionary(w => w.Name, w => w.Forms.Select(Parse).ToArray());

    public static IReadOnlyList<Pen[]> FormsOf(char character) => Parsed[character];

    static Pen[] Parse(string form) =>
    [
        .. form.Split('|').Select(stroke =>
        {
            var numbers = stroke.TrimStart('~').Split(' ').Select(n => float.Parse(n, CultureInfo.InvariantCulture) / 100).ToArray();
            return new Pen(stroke[0] == '~', [.. numbers.Chunk(2).Select(p => new Vector2(p[0], p[1]))]);
        }),
    ];

    /// <summary>The points of a smooth curve through points (a Catmull-Rom spline), or the points themselves.</summary>
    public static Vector2[] Line(Pen pen, ReadOnlySpan<Vector2> points)
    {
        const int pieces = 6;
        if (!pen.Smooth || points.Length < 3) return points.ToArray();
        // A closed curve continues with its first points.
        var closed = pen.Points[0] == pen.Points[^1];
        var line = new List<Vector2>(points.Length * pieces) { points[0] };
        for (var i = 0; i + 1 < points.Length; i++)
        {
            var before = i > 0 ? points[i - 1] : closed ? points[^2] : points[0];
            var after = i + 2 < points.Length ? points[i + 2] : closed ? points[1] : points[^1];
            var (from, to) = (points[i], points[i + 1]);
            var (leave, arrive) = ((to - before) / 2, (after - from) / 2);
            for (var k = 1; k <= pieces; k++)
            {
                var t = (float)k / pieces;
                line.Add(Hermite(from, leave, to, arrive, t));
            }
        }
        return [.. line];
    }

    static Vector2 Hermite(Vector2 from, Vector2 leave, Vector2 to, Vector2 arrive, float t)
    {
        var (square, cube) = (t * t, t * t * t);
        return (2 * cube - 3 * square + 1) * from + (cube - 2 * square + t) * leave + (3 * square - 2 * cube) * to + (cube - square) * arrive;
    }
}

/// <summary>Plane figures as closed lines around (0, 0), within a circle of radius 1.</summary>
static class Shapes
{
    public static readonly string[] Names = ["circle", "crescent", "cross", "hexagon", "semicircle", "square", "star", "triangle"];

    /// <summary>A figure's outlines; the last point of each equals its first.</summary>
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

    // Half a circle, moved so that its middle is near the centre.
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
