using Transformers.IO;
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
    internal static RgbImage Draw(DrawingKind kind, int label, int side, SampleRandom random, DrawingStyle? style = null)
    {
        var name = Classes(kind)[label];
        var drawing = new FigureDrawing(style ?? (kind == DrawingKind.Shapes ? DrawingStyle.Figures : DrawingStyle.Written), side, random);
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
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
            throw new UserException($"{folder} exists and is not an empty folder", "name another folder, or remove it first");
        try
        {
            using var making = PartialFolder.Create(target);
            foreach (var split in new[] { "train", "test" })
                foreach (var name in classes)
                    Directory.CreateDirectory(Path.Combine(making.Path, split, name));
            AllCores.For(count, i =>
            {
                // Whole rounds of classes are divided instead of single images, so that both splits have each class equally often.
                var (round, label) = (i / classes.Count, i % classes.Count);
                var split = round % TestEvery == TestEvery - 1 ? "test" : "train";
                var image = Draw(kind, label, side, new SampleRandom(seed, (ulong)kind, (ulong)i));
                File.WriteAllBytes(Path.Combine(making.Path, split, classes[label], $"{i:d6}.png"), ImageCodec.EncodePng(image));
            }, cancel);
            if (Directory.Exists(target)) Directory.Delete(target);
            making.Complete();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"the images cannot be written to {folder}: {OutputFile.ReasonOf(exception)}", inner: exception);
        }
    }
}
