using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Sources;

/// <summary>Sources whose files hold pixels of one size, kept in memory as they are: CIFAR binary, MNIST IDX.</summary>
public abstract class PixelSource : ImageSource
{
    /// <summary>One file's images.</summary>
    /// <param name="Name">The file's path.</param>
    /// <param name="Split">Where its images belong.</param>
    /// <param name="Pixels">All bytes of it.</param>
    /// <param name="Labels">A class for each image.</param>
    protected sealed record Part(string Name, ImageSplit Split, byte[] Pixels, int[] Labels);

    readonly List<Part> parts = [];
    readonly List<int> starts = [];
    int count;

    /// <summary>Adds a file's images behind those already there.</summary>
    protected void Add(Part part)
    {
        starts.Add(count);
        parts.Add(part);
        count = checked(count + part.Labels.Length);
    }

    /// <summary>The parts, in the order they were added.</summary>
    protected IReadOnlyList<Part> Parts => parts;

    /// <inheritdoc/>
    public override int Count => count;
    /// <inheritdoc/>
    public override int LabelOf(int index) => Find(index) is var (part, at) ? part.Labels[at] : -1;
    /// <inheritdoc/>
    public override ImageSplit SplitOf(int index) => Find(index).Part.Split;

    /// <inheritdoc/>
    public override string NameOf(int index)
    {
        var (part, at) = Find(index);
        return $"{part.Name}[{at}]";
    }

    /// <inheritdoc/>
    public override byte[]? ReadFile(int index, long maxBytes) => null;

    /// <inheritdoc/>
    public override RgbImage ReadPixels(int index)
    {
        var (part, at) = Find(index);
        return Pixels(part, at);
    }

    /// <summary>One image of a part.</summary>
    protected abstract RgbImage Pixels(Part part, int index);

    (Part Part, int Index) Find(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)count);
        var at = starts.BinarySearch(index);
        if (at < 0) at = ~at - 1;
        return (parts[at], index - starts[at]);
    }

    /// <summary>Reads a file whole, unpacking gzip.</summary>
    /// <param name="path">The file; <c>.gz</c> is unpacked.</param>
    /// <param name="maxBytes">What it may hold unpacked.</param>
    /// <exception cref="UserException">The file cannot be read, is broken or larger.</exception>
    protected static byte[] ReadWhole(string path, long maxBytes)
    {
        try
        {
            using var raw = File.OpenRead(path);
            using Stream stream = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
                ? new System.IO.Compression.GZipStream(raw, System.IO.Compression.CompressionMode.Decompress) : raw;
            // Grown as bytes arrive: what a header claims is not memory until it is there.
            using var memory = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                if (memory.Length + read > maxBytes) throw new UserException([new Problem($"the file holds more than {maxBytes} bytes", path)]);
                memory.Write(buffer, 0, read);
            }
            return memory.ToArray();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new UserException([new Problem($"the file cannot be read: {exception.Message}", path)], exception);
        }
    }
}
