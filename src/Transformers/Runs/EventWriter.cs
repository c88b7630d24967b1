using System.Buffers.Binary;
using Google.Protobuf;
using Tensorboard;
using Transformers.IO;

namespace Transformers.Runs;

/// <summary>Writes one of TensorBoard's event files.</summary>
/// <remarks>
/// The message types are TorchSharp's. Its own <c>SummaryWriter</c> is not enough: it cannot mark where a resumed run continues, so readers
/// would show steps twice; it rounds times to seconds, and writes an invalid time in the first event; and it writes a record in four
/// pieces, so a reader of an unfinished run can see half of one. A record is its length in 8 bytes, that length's masked CRC-32C, the data,
/// and the data's masked CRC-32C, all little-endian (TFRecord).
/// </remarks>
public sealed class EventWriter : IDisposable
{
    static int files;
    readonly FileStream file;

    /// <summary>Starts a new file; the folder's earlier files stay, and readers ignore their events after the given step.</summary>
    /// <param name="folder">The folder; it is created if necessary.</param>
    /// <param name="resumedStep">The step that the run resumes from; 0 for a new one.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be written.</exception>
    public EventWriter(string folder, long resumedStep = 0)
    {
        FileSizeLimit.ReportAsError();
        Directory.CreateDirectory(folder);
        // Readers read a folder's files in the order of their names: the time comes first, then a number for files of the same second.
        var name = FormattableString.Invariant($"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds():D10}.{Interlocked.Increment(ref files):D4}.{Environment.ProcessId}.transformer");
        Path = System.IO.Path.Combine(folder, name);
        file = new FileStream(Path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        Write(new Event { FileVersion = "brain.Event:2" });
        if (resumedStep > 0) Write(new Event { Step = resumedStep + 1, SessionLog = new SessionLog { Status = SessionLog.Types.SessionStatus.Start } });
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Writes numbers, including those that are not finite, which TensorBoard marks.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="values">Tag and number, such as <c>loss/train</c>.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddScalars(long step, IEnumerable<(string Tag, double Value)> values)
    {
        var summary = new Summary();
        foreach (var (tag, number) in values)
            summary.Value.Add(new Summary.Types.Value { Tag = tag, SimpleValue = (float)number, Metadata = Metadata("scalars", DataClass.Scalar) });
        Write(new Event { Step = step, Summary = summary });
    }

    /// <summary>Writes a text.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="text">Markdown.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddText(long step, string tag, string text)
    {
        var tensor = new TensorProto { Dtype = DataType.DtString, TensorShape = new TensorShapeProto() };
        tensor.TensorShape.Dim.Add(new TensorShapeProto.Types.Dim { Size = 1 });
        tensor.StringVal.Add(ByteString.CopyFromUtf8(text));
        Write(step, new Summary.Types.Value { Tag = tag, Tensor = tensor, Metadata = Metadata("text", DataClass.Tensor) });
    }

    /// <summary>Writes how values are distributed, in buckets of equal width; those that are not finite are left out.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="buckets">The number of buckets.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddHistogram(long step, string tag, IEnumerable<float> values, int buckets = 30)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(buckets, 1);
        double[] finite = [.. values.Where(float.IsFinite).Select(value => (double)value)];
        var (minimum, maximum) = finite.Length == 0 ? (0, 0) : (finite.Min(), finite.Max());
        var width = Math.Max(maximum - minimum, 1e-12) / buckets;
        var counts = new double[buckets];
        foreach (var value in finite) counts[Math.Min(buckets - 1, (int)((value - minimum) / width))]++;
        var histogram = new HistogramProto { Min = minimum, Max = maximum, Num = finite.Length, Sum = finite.Sum(), SumSquares = finite.Sum(value => value * value) };
        histogram.BucketLimit.AddRange(Enumerable.Range(1, buckets).Select(i => minimum + width * i));
        histogram.Bucket.AddRange(counts);
        Write(step, new Summary.Types.Value { Tag = tag, Histo = histogram, Metadata = Metadata("histograms", DataClass.Tensor) });
    }

    /// <summary>Writes a picture.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="png">The bytes of a PNG file of red, green and blue.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddImage(long step, string tag, int width, int height, byte[] png)
    {
        var image = new Summary.Types.Image { Height = height, Width = width, Colorspace = 3, EncodedImageString = ByteString.CopyFrom(png) };
        Write(step, new Summary.Types.Value { Tag = tag, Image = image, Metadata = Metadata("images", DataClass.BlobSequence) });
    }

    // Assigns the value to one of TensorBoard's pages.
    static SummaryMetadata Metadata(string plugin, DataClass kind) => new() { PluginData = new() { PluginName = plugin }, DataClass = kind };

    void Write(long step, Summary.Types.Value value)
    {
        var summary = new Summary();
        summary.Value.Add(value);
        Write(new Event { Step = step, Summary = summary });
    }

    // In one call, so that a reader of an unfinished run sees whole records.
    void Write(Event one)
    {
        one.WallTime = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        var data = one.ToByteArray();
        var record = new byte[8 + 4 + data.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Masked(record.AsSpan(0, 8)));
        data.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), Masked(data));
        FileSizeLimit.Write(file, record);
    }

    // Masked because the checksum of data that contain their own checksum is weak.
    static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = Crc32C.Of(data);
        return (crc >> 15 | crc << 17) + 0xa282ead8;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();
}
