using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>Sources whose files hold pixels of one size, kept in memory as they are: CIFAR binary, MNIST IDX.</summary>
abstract class PixelSource : ImageSource
{
    protected sealed record Part(string Name, ImageSplit Split, byte[] Pixels, int[] Labels);

    readonly List<Part> parts = [];
    readonly List<int> starts = [];
    int count;

    protected void Add(Part part)
    {
        starts.Add(count);
        parts.Add(part);
        count = checked(count + part.Labels.Length);
    }

    // Larger than every published set (EMNIST by class: 814,255 x 28 x 28).
    protected const long MaxBytes = 1L << 30;

    protected IReadOnlyList<Part> Parts => parts;

    public override int Count => count;
    public override int LabelOf(int index) => Find(index) is var (part, at) ? part.Labels[at] : -1;
    public override ImageSplit SplitOf(int index) => Find(index).Part.Split;

    public override string NameOf(int index)
    {
        var (part, at) = Find(index);
        return $"{part.Name}[{at}]";
    }

    public override byte[]? ReadFile(int index, long maxBytes) => null;

    public override RgbImage ReadPixels(int index)
    {
        var (part, at) = Find(index);
        return Pixels(part, at);
    }

    protected abstract RgbImage Pixels(Part part, int index);

    (Part Part, int Index) Find(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)count);
        var at = starts.BinarySearch(index);
        if (at < 0) at = ~at - 1;
        return (parts[at], index - starts[at]);
    }

    /// <summary>Reads a whole file, decompressing gzip.</summary>
    /// <param name="path">The file; <c>.gz</c> is decompressed.</param>
    protected static byte[] ReadWhole(string path)
    {
        try
        {
            using var stream = InputFile.Open(path);
            // Grows as bytes arrive, so that memory does not depend on what a header claims.
            using var memory = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                if (memory.Length + read > MaxBytes) throw new UserException([new Problem($"the file has more than {MaxBytes} bytes", path)]);
                memory.Write(buffer, 0, read);
            }
            return memory.ToArray();
        }
        catch (Exception exception) when (InputFile.IsUnreadable(exception))
        {
            throw new UserException([new Problem($"the file cannot be read: {InputFile.ReasonOf(exception)}", path)], exception);
        }
    }
}

/// <summary>The binary version of CIFAR-10 or CIFAR-100 (its fine labels): records of labels and three planes of 32 x 32 bytes.</summary>
sealed class CifarSource : PixelSource
{
    const int Side = 32, Plane = Side * Side;

    readonly int labelBytes;
    readonly string[] classes;

    public CifarSource(string folder)
    {
        var files = BatchesIn(folder);
        // CIFAR-100's records start with a coarse and a fine label, and its files are train.bin and test.bin.
        labelBytes = files.Any(f => Path.GetFileName(f) is "train.bin" or "test.bin") ? 2 : 1;
        var most = labelBytes == 2 ? 100 : 10;
        foreach (var path in files)
        {
            var bytes = ReadWhole(path);
            if (bytes.Length == 0 || bytes.Length % Record != 0)
                throw new UserException([new Problem($"the file's {bytes.Length} bytes are not a whole number of {Record}-byte records", path)]);
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

    public override string Kind => labelBytes == 2 ? "CIFAR-100 binary" : "CIFAR-10 binary";
    public override IReadOnlyList<string> Classes => classes;

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

/// <summary>MNIST's IDX files (and Fashion-MNIST's, KMNIST's, EMNIST's): grey images and labels, gzip or not.</summary>
/// <remarks>Two bytes of zero, a type (8: bytes), a number of dimensions, then each dimension as big-endian 32 bits, then data.</remarks>
sealed class IdxSource : PixelSource
{
    readonly Dictionary<string, (int Width, int Height)> sizes = [];
    readonly string[] classes;

    public IdxSource(string folder)
    {
        var images = ImageFilesIn(folder);
        foreach (var path in images)
        {
            var labels = LabelFileOf(path);
            var split = Path.GetFileName(path).Contains("train", StringComparison.OrdinalIgnoreCase) ? ImageSplit.Train : ImageSplit.Test;
            // A single file is a whole set, whichever split it once was: the config divides it.
            if (images.Count == 1) split = ImageSplit.None;
            Read(path, labels, split);
        }
        classes = [.. Enumerable.Range(0, Parts.SelectMany(p => p.Labels).Max() + 1).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture))];
    }

    /// <summary>The image files of a folder, those for training first.</summary>
    public static IReadOnlyList<string> ImageFilesIn(string folder) =>
        [.. Directory.EnumerateFiles(folder)
            .Where(f => Path.GetFileName(f) is var name && name.Contains("images", StringComparison.Ordinal) && name.Contains("idx3-ubyte", StringComparison.Ordinal))
            // A file that was unpacked beside its compressed form would be read twice.
            .Where(f => !(f.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) && File.Exists(f[..^3])))
            .OrderBy(f => Path.GetFileName(f).Contains("train", StringComparison.OrdinalIgnoreCase) ? 0 : 1)
            .ThenBy(f => f, StringComparer.Ordinal)];

    static string LabelFileOf(string images)
    {
        var name = Path.GetFileName(images).Replace("images", "labels", StringComparison.Ordinal).Replace("idx3", "idx1", StringComparison.Ordinal);
        var folder = Path.GetDirectoryName(images) ?? "";
        var plain = TextLines.Plain(name);
        // One of the two may have been unpacked.
        return new[] { name, plain, plain + ".gz" }.Select(n => Path.Combine(folder, n)).FirstOrDefault(File.Exists)
            ?? throw new UserException([new Problem("the images have no labels", images, Hint: $"labels are expected in {name}")]);
    }

    void Read(string imageFile, string labelFile, ImageSplit split)
    {
        var (imageBytes, sides) = ReadIdx(imageFile, 3);
        var (labelBytes, counts) = ReadIdx(labelFile, 1);
        if (counts[0] != sides[0])
            throw new UserException([new Problem($"there {(sides[0] == 1 ? "is" : "are")} {Amount.Of(sides[0], "image")} but {Amount.Of(counts[0], "label")}", labelFile)]);
        if (sides[0] == 0) throw new UserException([new Problem("the file contains no images", imageFile)]);
        sizes[imageFile] = (sides[2], sides[1]);
        Add(new Part(imageFile, split, imageBytes, [.. labelBytes.AsSpan(HeaderOf(1)).ToArray().Select(b => (int)b)]));
    }

    static int HeaderOf(int dimensions) => 4 + 4 * dimensions;

    static (byte[] Bytes, int[] Sides) ReadIdx(string path, int dimensions)
    {
        UserException Wrong(string message) => new([new Problem(message, path)]);
        var bytes = ReadWhole(path);
        var header = HeaderOf(dimensions);
        if (bytes.Length < header || bytes[0] != 0 || bytes[1] != 0) throw Wrong("the file is not in IDX format");
        if (bytes[2] != 8) throw Wrong($"the IDX file's type is {bytes[2]:x2}; only 08, unsigned bytes, is supported");
        if (bytes[3] != dimensions) throw Wrong($"the IDX file has {bytes[3]} dimensions, not {dimensions}");
        var sides = new int[dimensions];
        var product = 1L;
        for (var i = 0; i < dimensions; i++)
        {
            sides[i] = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4 + 4 * i));
            if (sides[i] < 0 || (i > 0 && sides[i] is 0 or > 65536)) throw Wrong($"the IDX header gives a side of {sides[i]}");
            product = product <= MaxBytes ? product * sides[i] : product;
        }
        if (product != bytes.Length - header) throw Wrong($"the IDX header announces {product} bytes, but {bytes.Length - header} follow");
        return (bytes, sides);
    }

    public override string Kind => "MNIST IDX";
    public override IReadOnlyList<string> Classes => classes;

    protected override RgbImage Pixels(Part part, int index)
    {
        var (width, height) = sizes[part.Name];
        return RgbImage.FromGrey(part.Pixels.AsSpan(HeaderOf(3) + index * width * height, width * height), width, height);
    }
}
