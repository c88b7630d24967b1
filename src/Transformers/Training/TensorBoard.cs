using Google.Protobuf;
using Tensorboard;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Writes a training run as TensorBoard's event files: losses, learning rate, speed, samples, pictures and weights.</summary>
/// <remarks>Train and validation losses share the first part of their tags, so that TensorBoard shows them side by side. A full disk ends
/// these files, not the training.</remarks>
/// <param name="folder">The folder of event files.</param>
/// <param name="warn">Called once if they cannot be written.</param>
public sealed class TensorBoardLog(string folder, Action<string> warn) : ITrainingObserver, IDisposable
{
    const long MostNumbers = 10_000;

    EventWriter? writer;

    /// <summary>Starts a file.</summary>
    /// <param name="step">The step that the run resumes from; readers ignore later events in earlier files.</param>
    public void Open(long step) => Try(() => writer = new EventWriter(folder, step));

    /// <inheritdoc/>
    public void OnRollback(long step)
    {
        Dispose();
        Open(step);
    }

    /// <inheritdoc/>
    public void OnLog(StepReport report)
    {
        List<(string, double)> values =
        [
            ("loss/train", report.Loss), ("optimizer/lr", report.LearningRate), ("optimizer/gradient_norm", report.GradientNorm),
            ($"speed/{report.Unit}_per_second", report.UnitsPerSecond), ("memory/resident_bytes", report.MemoryBytes),
        ];
        if (report.Utilisation is { } utilisation) values.Add(("speed/utilisation", utilisation));
        Try(() => writer?.AddScalars(report.Step, values));
    }

    /// <inheritdoc/>
    public void OnValidation(ValidationReport report) =>
        Try(() => writer?.AddScalars(report.Step, [("loss/val", report.Loss), .. report.Metrics.Select(metric => ($"val/{metric.Key}", metric.Value))]));

    /// <inheritdoc/>
    public void OnSamples(long step, IReadOnlyList<string> samples) => Try(() =>
    {
        // Indented text is a code block in Markdown and is shown unchanged.
        for (var i = 0; i < samples.Count; i++)
            writer?.AddText(step, $"samples/{i}", "    " + samples[i].ReplaceLineEndings("\n    "));
    });

    /// <inheritdoc/>
    public void OnPictures(long step, IReadOnlyList<ModelPicture> pictures) => Try(() =>
    {
        foreach (var picture in pictures)
            if (picture.Raster is { } raster) writer?.AddImage(step, $"pictures/{picture.Name}", raster.Width, raster.Height, raster.Png);
    });

    /// <inheritdoc/>
    public void OnWeights(long step, nn.Module model) => Try(() =>
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, parameter) in model.named_parameters())
        {
            // Large tensors are sampled at regular intervals.
            var flat = parameter.detach().flatten();
            var every = Math.Max(1, flat.numel() / MostNumbers);
            var some = flat.slice(0, 0, flat.numel(), every).to(ScalarType.Float32).cpu().contiguous();
            writer?.AddHistogram(step, $"weights/{name}", MemoryMarshal.Cast<byte, float>(some.bytes).ToArray());
        }
    });

    void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Dispose();
            warn($"the event files for TensorBoard end here: {exception.Message}");
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        writer?.Dispose();
        writer = null;
    }
}

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
    /// <exception cref="IOException">It cannot be written, for example because the disk is full.</exception>
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
    /// <exception cref="IOException">It cannot be written, for example because the disk is full.</exception>
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
    /// <exception cref="IOException">It cannot be written, for example because the disk is full.</exception>
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
    /// <exception cref="IOException">It cannot be written, for example because the disk is full.</exception>
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
