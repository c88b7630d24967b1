using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Sources;

/// <summary>The binary version of CIFAR-10 or CIFAR-100 (its fine labels): records of labels and three planes of 32 x 32 bytes.</summary>
public sealed class CifarSource : PixelSource
{
    const int Side = 32, Plane = Side * Side;
    const long MaxBytes = 1L << 30;

    readonly int labelBytes;
    readonly string[] classes;

    /// <summary>Reads the batches in a folder.</summary>
    /// <exception cref="UserException">A batch is broken; the message names it.</exception>
    public CifarSource(string folder)
    {
        var files = BatchesIn(folder);
        // CIFAR-100's records start with a coarse and a fine label, and its files are train.bin and test.bin.
        labelBytes = files.Any(f => Path.GetFileName(f) is "train.bin" or "test.bin") ? 2 : 1;
        var most = labelBytes == 2 ? 100 : 10;
        foreach (var path in files)
        {
            var bytes = ReadWhole(path, MaxBytes);
            if (bytes.Length == 0 || bytes.Length % Record != 0)
                throw new UserException([new Problem($"the file's {bytes.Length} bytes are no whole number of {Record}-byte records", path)]);
            var labels = Enumerable.Range(0, bytes.Length / Record).Select(i => (int)bytes[i * Record + labelBytes - 1]).ToArray();
            if (Array.FindIndex(labels, l => l >= most) is >= 0 and var bad)
                throw new UserException([new Problem($"record {bad} has label {labels[bad]}; labels are below {most}", path)]);
            var test = Path.GetFileName(path).StartsWith("test", StringComparison.Ordinal);
            Add(new Part(path, test ? ImageSplit.Test : ImageSplit.Train, bytes, labels));
        }
        classes = Names(folder, most);
    }

    int Record => labelBytes + 3 * Plane;

    /// <summary>The batches of a folder, in order, those for training first.</summary>
    public static IReadOnlyList<string> BatchesIn(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.bin")
            .Where(f => Path.GetFileName(f) is "train.bin" or "test.bin" or "test_batch.bin" || Path.GetFileName(f).StartsWith("data_batch_", StringComparison.Ordinal))
            .OrderBy(f => Path.GetFileName(f).StartsWith("test", StringComparison.Ordinal) ? 1 : 0)
            .ThenBy(f => f, StringComparer.Ordinal)];

    static string[] Names(string folder, int count)
    {
        foreach (var file in new[] { "batches.meta.txt", "fine_label_names.txt" }.Select(n => Path.Combine(folder, n)).Where(File.Exists))
        {
            var lines = File.ReadLines(file).Select(l => l.Trim()).Where(l => l.Length > 0).Take(count + 1).ToArray();
            if (lines.Length == count && lines.Distinct().Count() == count) return lines;
        }
        return [.. Enumerable.Range(0, count).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture))];
    }

    /// <inheritdoc/>
    public override string Kind => labelBytes == 2 ? "CIFAR-100 binary" : "CIFAR-10 binary";
    /// <inheritdoc/>
    public override IReadOnlyList<string> Classes => classes;

    /// <inheritdoc/>
    protected override RgbImage Pixels(Part part, int index)
    {
        var planes = part.Pixels.AsSpan(index * Record + labelBytes, 3 * Plane);
        var image = new RgbImage(Side, Side);
        for (var i = 0; i < Plane; i++)
            for (var c = 0; c < 3; c++)
                image.Pixels[3 * i + c] = planes[c * Plane + i];
        return image;
    }
}
