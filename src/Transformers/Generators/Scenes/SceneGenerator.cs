using System.Numerics;
using Transformers.IO.Images;

namespace Transformers.Generators.Scenes;

/// <summary>Scenes of three to six objects, each with a question and a caption; a function of the seed and the scene's number.</summary>
/// <remarks>
/// Inspired by CLEVR (Johnson et al. 2017). The answers within a type of question are equally frequent. A quarter of the training questions
/// are relations, which take the longest to learn, and 15 % are of each other type; in the other splits, all types are equally frequent.
/// </remarks>
public static class SceneGenerator
{
    static readonly SceneQuestion[] Kinds = Enum.GetValues<SceneQuestion>();

    // In 20 questions, each kind occurs three times, and relations twice more.
    static readonly SceneQuestion[] TrainingKinds = [.. Kinds, SceneQuestion.Relation, .. Kinds, SceneQuestion.Relation, .. Kinds];

    /// <summary>The side, in pixels.</summary>
    public static int Side => SceneDrawing.Side;

    /// <summary>Every answer that a question can have.</summary>
    public static IReadOnlyList<string> Answers => SceneSampler.Answers;

    /// <summary>The number of scenes of a split, for a number of training scenes.</summary>
    public static int SizeOf(SceneSplit split, int size) => split == SceneSplit.Train ? size : Math.Clamp(size / 20, 200, 2000);

    /// <summary>The name of a split's file without extension.</summary>
    public static string NameOf(SceneSplit split) => split == SceneSplit.Validation ? "val" : split.ToString().ToLowerInvariant();

    /// <summary>One scene; the kinds of questions take turns from scene to scene.</summary>
    internal static Scene At(SceneSplit split, ulong seed, int index, IReadOnlyList<SceneQuestion>? kinds = null)
    {
        kinds ??= split == SceneSplit.Train ? TrainingKinds : Kinds;
        return new SceneSampler(new SampleRandom(seed, (ulong)split, (ulong)index), split == SceneSplit.Unseen).Draw(kinds[index % kinds.Count]);
    }

    /// <summary>The image of a scene.</summary>
    internal static RgbImage Draw(SceneSplit split, ulong seed, int index, IReadOnlyList<SceneQuestion>? kinds = null) =>
        SceneDrawing.Draw(At(split, seed, index, kinds).Things, DrawingOf(split, seed, index));

    /// <summary>The random numbers that determine everything in the image except the objects.</summary>
    internal static SampleRandom DrawingOf(SceneSplit split, ulong seed, int index) => new(seed, (ulong)split, (ulong)index, 1);

    /// <summary>Writes all splits as JSON lines with a folder of PNG files and one of region features; the folder is written completely or not at all.</summary>
    /// <param name="folder">A folder that does not exist or is empty.</param>
    /// <param name="size">The number of training scenes; each other split has a twentieth of it, between 200 and 2,000.</param>
    /// <param name="cancel">Cancels between two scenes and leaves nothing behind.</param>
    /// <exception cref="UserException">The folder is not empty or cannot be written, or the size is out of range.</exception>
    public static void Write(string folder, int size, ulong seed, CancellationToken cancel = default)
    {
        if (size is < 1 or > 10_000_000) throw new UserException($"the number of scenes ({size}) must be from 1 to 10,000,000");
        PartialFolder.Fill(folder, "the scenes", path =>
        {
            Directory.CreateDirectory(Path.Combine(path, "images"));
            using var regions = Open(Path.Combine(path, "regions.jsonl"));
            foreach (var split in Enum.GetValues<SceneSplit>())
            {
                using var lines = Open(Path.Combine(path, NameOf(split) + ".jsonl"));
                for (var i = 0; i < SizeOf(split, size); i++)
                {
                    cancel.ThrowIfCancellationRequested();
                    var (scene, image) = (At(split, seed, i), Draw(split, seed, i));
                    var name = $"images/{NameOf(split)}-{i:d6}.png";
                    File.WriteAllBytes(Path.Combine(path, name), ImageCodec.EncodePng(image));
                    lines.WriteLine(JsonSerializer.Serialize(
                        new SceneLine(name, scene.Question, scene.Answer, scene.Kind.ToString().ToLowerInvariant(), scene.Caption, scene.FalseCaption), JsonStyle.Options));
                    regions.WriteLine(JsonSerializer.Serialize(SceneRegions.Of(name, split, seed, i), JsonStyle.Options));
                }
            }
        });
    }

    static StreamWriter Open(string path) => new(path, append: false, new UTF8Encoding(false)) { NewLine = "\n" };

    sealed record SceneLine(string Image, string Text, string Answer, string Kind, string Caption, string FalseCaption);
}

/// <summary>A line of region features: the output of a perfect detector.</summary>
/// <param name="Image">The image's name.</param>
/// <param name="Boxes">Left, top, right and bottom of the square around each object, as fractions of the image's sides.</param>
/// <param name="Features">The features of each object: its square, resampled to 6 x 6 pixels, in red, green and blue from 0 to 1.</param>
/// <param name="Classes">The probability of each shape.</param>
sealed record SceneRegions(string Image, float[][] Boxes, float[][] Features, float[][] Classes)
{
    const int Small = 6, Samples = 3;

    /// <summary>The regions of a scene.</summary>
    internal static SceneRegions Of(string name, SceneSplit split, ulong seed, int index, IReadOnlyList<SceneQuestion>? kinds = null)
    {
        var things = SceneGenerator.At(split, seed, index, kinds).Things;
        var circles = new List<(Vector2 Center, float Radius)>();
        var image = SceneDrawing.Draw(things, SceneGenerator.DrawingOf(split, seed, index), circles);
        return new(name, [.. circles.Select(circle => BoxOf(circle.Center, circle.Radius))], [.. circles.Select(circle => Resample(image, circle.Center, circle.Radius))],
            [.. things.Select(thing => Enumerable.Range(0, SceneWords.Shapes.Length).Select(shape => shape == thing.Thing.Shape ? 0.9f : 0.1f / (SceneWords.Shapes.Length - 1)).ToArray())]);
    }

    static float[] BoxOf(Vector2 center, float radius) =>
        [.. new[] { center.X - radius, center.Y - radius, center.X + radius, center.Y + radius }.Select(pixels => MathF.Round(pixels / SceneDrawing.Side, 4))];

    // The mean of a few points in each of the small pixels.
    static float[] Resample(RgbImage image, Vector2 center, float radius)
    {
        var features = new float[Small * Small * 3];
        const int points = Small * Samples;
        for (var y = 0; y < points; y++)
            for (var x = 0; x < points; x++)
            {
                var at = center + radius * (2 * new Vector2(x + 0.5f, y + 0.5f) / points - Vector2.One);
                var pixel = image.Row(Math.Clamp((int)at.Y, 0, image.Height - 1)).Slice(3 * Math.Clamp((int)at.X, 0, image.Width - 1), 3);
                for (var c = 0; c < 3; c++) features[(y / Samples * Small + x / Samples) * 3 + c] += pixel[c] / (255f * Samples * Samples);
            }
        for (var i = 0; i < features.Length; i++) features[i] = MathF.Round(features[i], 3);
        return features;
    }
}

/// <summary>Draws the objects of a scene in the cells of a grid, on an uneven, noisy background.</summary>
static class SceneDrawing
{
    /// <summary>The side of a cell, in pixels; an object is near its centre and entirely inside it.</summary>
    public const int Cell = 16;

    /// <summary>The side of a scene, in pixels.</summary>
    public const int Side = Cell * SceneSampler.Side;

    const int Noise = 16;

    static readonly float[] Radii = [4.4f, 6.9f];
    static readonly Vector3[] Colors = [new(0.85f, 0.12f, 0.1f), new(0.1f, 0.6f, 0.15f), new(0.1f, 0.25f, 0.85f), new(0.95f, 0.85f, 0.1f), new(0.6f, 0.15f, 0.65f)];

    /// <summary>Draws a scene.</summary>
    /// <param name="things">The objects.</param>
    /// <param name="random">Determines everything except the objects.</param>
    /// <param name="circles">If given, receives the centre and radius of each object, in pixels.</param>
    public static RgbImage Draw(IReadOnlyList<PlacedThing> things, SampleRandom random, List<(Vector2 Center, float Radius)>? circles = null)
    {
        var image = new RgbImage(Side, Side);
        var pixels = new Vector3[Side * Side];
        FillBackground(pixels, random);
        foreach (var thing in things)
        {
            var circle = Draw(pixels, thing, random);
            circles?.Add(circle);
        }
        var bytes = image.Span;
        ulong bits = 0;
        for (var i = 0; i < pixels.Length; i++)
            for (var c = 0; c < 3; c++, bits >>= 8)
            {
                if ((3 * i + c) % 8 == 0) bits = random.NextBits();
                bytes[3 * i + c] = (byte)Math.Clamp(pixels[i][c] * 255 + (int)(bits & 0xFF) * Noise / 256 - Noise / 2, 0, 255);
            }
        return image;
    }

    static void FillBackground(Vector3[] pixels, SampleRandom random)
    {
        var level = (float)random.Uniform(0.6, 0.8);
        var (across, down) = ((float)random.Uniform(-0.1, 0.1), (float)random.Uniform(-0.1, 0.1));
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = new Vector3(level + across * ((i % Side) / (float)Side - 0.5f) + down * (i / Side / (float)Side - 0.5f));
    }

    static (Vector2, float) Draw(Vector3[] pixels, PlacedThing placed, SampleRandom random)
    {
        var thing = placed.Thing;
        var radius = Radii[thing.Size] * (float)random.Uniform(0.96, 1.04);
        var free = Cell / 2f - radius - 0.6f;
        var center = new Vector2((float)random.Uniform(-free, free), (float)random.Uniform(-free, free)) + new Vector2(Cell / 2f);
        var color = Colors[thing.Color] * (float)random.Uniform(0.85, 1.1);
        for (var y = 0; y < Cell; y++)
            for (var x = 0; x < Cell; x++)
            {
                var at = (new Vector2(x + 0.5f, y + 0.5f) - center) / radius;
                var cover = Math.Clamp(Inside(thing.Shape, at) * radius + 0.5f, 0, 1);
                if (cover <= 0) continue;
                ref var pixel = ref pixels[(placed.Row * Cell + y) * Side + placed.Column * Cell + x];
                pixel = Vector3.Lerp(pixel, Lit(color, thing.Material, at), cover);
            }
        return (center + new Vector2(placed.Column * Cell, placed.Row * Cell), radius);
    }

    // Metal is bright at the upper left and dark at the lower right; rubber has one colour.
    static Vector3 Lit(Vector3 color, int material, Vector2 at)
    {
        if (material == 0) return color;
        var t = Math.Clamp((at.X + at.Y) / 2 + 0.5f, 0, 1);
        return t < 0.5f ? Vector3.Lerp(Vector3.One, color, 2 * t) : Vector3.Lerp(color, color * 0.35f, 2 * t - 1);
    }

    // The distance to the outline of a shape within a circle of radius 1, above 0 inside.
    static float Inside(int shape, Vector2 at)
    {
        var (x, y) = (Math.Abs(at.X), Math.Abs(at.Y));
        return shape switch
        {
            0 => 1 - at.Length(),
            1 => 0.82f - Math.Max(x, y),
            2 => Math.Min(0.75f - at.Y, (at.Y + 1 - 1.9f * x) / 2.15f),
            3 => Math.Max(Math.Min(0.3f - x, 0.98f - y), Math.Min(0.3f - y, 0.98f - x)),
            _ => 0.25f - Math.Abs(at.Length() - 0.75f),
        };
    }
}
