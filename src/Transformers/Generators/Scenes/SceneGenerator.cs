using System.Numerics;
using System.Text;
using System.Text.Json;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Generators.Scenes;

/// <summary>Scenes of three to six objects, each with a question and a caption; a function of the seed and the scene's number.</summary>
/// <remarks>
/// Inspired by CLEVR (Johnson et al. 2017). The answers within a type of question are equally frequent. A quarter of the training questions
/// are relations, which take the longest to learn, and 15 % are of each other type; in the other splits, all types are equally frequent.
/// </remarks>
public static class SceneGenerator
{
    /// <summary>Changes when a seed would give different scenes.</summary>
    public const int Version = 2;

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
    /// <param name="seed">The seed.</param>
    /// <param name="cancel">Cancels between two scenes and leaves nothing behind.</param>
    /// <exception cref="UserException">The folder is not empty or cannot be written, or the size is out of range.</exception>
    public static void Write(string folder, int size, ulong seed, CancellationToken cancel = default)
    {
        if (size is < 1 or > 10_000_000) throw new UserException($"the number of scenes ({size}) must be from 1 to 10,000,000");
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            throw new UserException($"{folder} exists and is not an empty folder", "name another folder, or remove it first");
        try
        {
            using var making = PartialFolder.Create(target);
            Directory.CreateDirectory(Path.Combine(making.Path, "images"));
            using var regions = Open(Path.Combine(making.Path, "regions.jsonl"));
            foreach (var split in Enum.GetValues<SceneSplit>())
            {
                using var lines = Open(Path.Combine(making.Path, NameOf(split) + ".jsonl"));
                for (var i = 0; i < SizeOf(split, size); i++)
                {
                    cancel.ThrowIfCancellationRequested();
                    var (scene, image) = (At(split, seed, i), Draw(split, seed, i));
                    var name = $"images/{NameOf(split)}-{i:d6}.png";
                    File.WriteAllBytes(Path.Combine(making.Path, name), ImageCodec.EncodePng(image));
                    lines.WriteLine(JsonSerializer.Serialize(
                        new SceneLine(name, scene.Question, scene.Answer, scene.Kind.ToString().ToLowerInvariant(), scene.Caption, scene.FalseCaption), JsonStyle.Options));
                    regions.WriteLine(JsonSerializer.Serialize(SceneRegions.Of(name, split, seed, i), JsonStyle.Options));
                }
            }
            regions.Dispose();
            if (Directory.Exists(target)) Directory.Delete(target);
            making.Complete();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"the scenes cannot be written to {folder}: {OutputFile.ReasonOf(exception)}", inner: exception);
        }
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
