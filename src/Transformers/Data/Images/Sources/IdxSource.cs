using System.Buffers.Binary;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Sources;

/// <summary>MNIST's IDX files (and Fashion-MNIST's, KMNIST's, EMNIST's): grey images and labels, gzip or not.</summary>
/// <remarks>Two bytes of zero, a type (8: bytes), a number of dimensions, then each dimension as big-endian 32 bits, then data.</remarks>
public sealed class IdxSource : PixelSource
{
    // Larger than every published set of this format (EMNIST by class: 814,255 x 28 x 28).
    const long MaxBytes = 1L << 30;

    readonly Dictionary<string, (int Width, int Height)> sizes = [];
    readonly string[] classes;

    /// <summary>Reads the pairs of files in a folder.</summary>
    /// <exception cref="UserException">A file is broken, or images and labels do not match; the message names it.</exception>
    public IdxSource(string folder)
    {
        var images = ImageFilesIn(folder);
        foreach (var path in images)
        {
            var labels = LabelFileOf(path);
            var split = Path.GetFileName(path).Contains("train", StringComparison.OrdinalIgnoreCase) ? ImageSplit.Train : ImageSplit.Test;
            // A lone file is a whole set, whatever half it was once: its owner splits it.
            if (images.Count == 1) split = ImageSplit.None;
            Read(path, labels, split);
        }
        classes = [.. Enumerable.Range(0, Parts.SelectMany(p => p.Labels).Max() + 1).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture))];
    }

    /// <summary>The image files of a folder, those for training first.</summary>
    public static IReadOnlyList<string> ImageFilesIn(string folder) =>
        [.. Directory.EnumerateFiles(folder)
            .Where(f => Path.GetFileName(f) is var name && name.Contains("images", StringComparison.Ordinal)
                && (name.Contains("idx3-ubyte", StringComparison.Ordinal)))
            .OrderBy(f => Path.GetFileName(f).Contains("train", StringComparison.OrdinalIgnoreCase) ? 0 : 1)
            .ThenBy(f => f, StringComparer.Ordinal)];

    static string LabelFileOf(string images)
    {
        var name = Path.GetFileName(images).Replace("images", "labels", StringComparison.Ordinal).Replace("idx3", "idx1", StringComparison.Ordinal);
        var folder = Path.GetDirectoryName(images) ?? "";
        var plain = name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? name[..^3] : name;
        // One of the two may have been unpacked.
        return new[] { name, plain, plain + ".gz" }.Select(n => Path.Combine(folder, n)).FirstOrDefault(File.Exists)
            ?? throw new UserException([new Problem("the images have no labels beside them", images, Hint: $"they are looked for in {name}")]);
    }

    void Read(string imageFile, string labelFile, ImageSplit split)
    {
        var (imageBytes, sides) = ReadIdx(imageFile, 3);
        var (labelBytes, counts) = ReadIdx(labelFile, 1);
        if (counts[0] != sides[0])
            throw new UserException([new Problem($"there are {sides[0]} images and {counts[0]} labels", labelFile)]);
        if (sides[0] == 0) throw new UserException([new Problem("the file holds no images", imageFile)]);
        sizes[imageFile] = (sides[2], sides[1]);
        Add(new Part(imageFile, split, imageBytes, [.. labelBytes.AsSpan(HeaderOf(1)).ToArray().Select(b => (int)b)]));
    }

    static int HeaderOf(int dimensions) => 4 + 4 * dimensions;

    static (byte[] Bytes, int[] Sides) ReadIdx(string path, int dimensions)
    {
        UserException Wrong(string message) => new([new Problem(message, path)]);
        var bytes = ReadWhole(path, MaxBytes);
        var header = HeaderOf(dimensions);
        if (bytes.Length < header || bytes[0] != 0 || bytes[1] != 0) throw Wrong("the file is not in IDX format");
        if (bytes[2] != 8) throw Wrong($"the IDX file's type is {bytes[2]:x2}; 08, unsigned bytes, is read");
        if (bytes[3] != dimensions) throw Wrong($"the IDX file has {bytes[3]} dimensions, not {dimensions}");
        var sides = new int[dimensions];
        var product = 1L;
        for (var i = 0; i < dimensions; i++)
        {
            sides[i] = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4 + 4 * i));
            if (sides[i] < 0 || (i > 0 && sides[i] is 0 or > 65536)) throw Wrong($"the IDX header gives a side of {sides[i]}");
            product = product <= MaxBytes ? product * sides[i] : product;
        }
        if (product != bytes.Length - header) throw Wrong($"the IDX header promises {product} bytes, {bytes.Length - header} follow");
        return (bytes, sides);
    }

    /// <inheritdoc/>
    public override string Kind => "MNIST IDX";
    /// <inheritdoc/>
    public override IReadOnlyList<string> Classes => classes;

    /// <inheritdoc/>
    protected override RgbImage Pixels(Part part, int index)
    {
        var (width, height) = sizes[part.Name];
        return RgbImage.FromGrey(part.Pixels.AsSpan(HeaderOf(3) + index * width * height, width * height), width, height);
    }
}
