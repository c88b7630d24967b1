using Google.Protobuf;

namespace Transformers.Runs.TensorBoard;

/// <summary>TensorBoard's <c>Event</c> message and what it holds, field by field as <c>event.proto</c> and <c>summary.proto</c> number them.</summary>
/// <remarks>Only the fields that are written here. Protocol buffers: a field's number and wire type, then its value; a message inside is a length and its bytes.</remarks>
static class EventMessages
{
    const int StringType = 7; // DT_STRING of types.proto

    /// <summary>What kind of data a tag holds, so that TensorBoard finds the page for it.</summary>
    enum DataClass
    {
        Scalar = 1,
        Tensor = 2,
        BlobSequence = 3,
    }

    /// <summary>The first event of a file: which format it is.</summary>
    internal static byte[] FileVersion(double wallTime) => Event(wallTime, 0, output =>
    {
        output.WriteTag(3, WireFormat.WireType.LengthDelimited);
        output.WriteString("brain.Event:2");
    });

    /// <summary>The start of a session: readers drop what earlier files hold from this step on.</summary>
    internal static byte[] SessionStart(double wallTime, long step) => Event(wallTime, step, output => Message(output, 7, log =>
    {
        log.WriteTag(1, WireFormat.WireType.Varint);
        log.WriteEnum(1);
    }));

    /// <summary>Numbers by tag.</summary>
    internal static byte[] Scalars(double wallTime, long step, IEnumerable<(string Tag, double Value)> values) => Summary(wallTime, step, summary =>
    {
        foreach (var (tag, number) in values)
            Message(summary, 1, value =>
            {
                Tag(value, tag);
                value.WriteTag(2, WireFormat.WireType.Fixed32);
                value.WriteFloat((float)number);
                Metadata(value, "scalars", DataClass.Scalar);
            });
    });

    /// <summary>A text, which TensorBoard shows as Markdown.</summary>
    internal static byte[] Text(double wallTime, long step, string tag, string text) => Summary(wallTime, step, summary => Message(summary, 1, value =>
    {
        Tag(value, tag);
        Message(value, 8, tensor =>
        {
            tensor.WriteTag(1, WireFormat.WireType.Varint);
            tensor.WriteEnum(StringType);
            Message(tensor, 2, shape => Message(shape, 2, dimension =>
            {
                dimension.WriteTag(1, WireFormat.WireType.Varint);
                dimension.WriteInt64(1);
            }));
            tensor.WriteTag(8, WireFormat.WireType.LengthDelimited);
            tensor.WriteBytes(ByteString.CopyFromUtf8(text));
        });
        Metadata(value, "text", DataClass.Tensor);
    }));

    /// <summary>A picture, as the bytes of a PNG file.</summary>
    internal static byte[] Image(double wallTime, long step, string tag, int width, int height, byte[] png) => Summary(wallTime, step, summary => Message(summary, 1, value =>
    {
        Tag(value, tag);
        Message(value, 4, image =>
        {
            // Three numbers a pixel: red, green and blue.
            foreach (var (field, number) in new[] { (1, height), (2, width), (3, 3) })
            {
                image.WriteTag(field, WireFormat.WireType.Varint);
                image.WriteInt32(number);
            }
            image.WriteTag(4, WireFormat.WireType.LengthDelimited);
            image.WriteBytes(ByteString.CopyFrom(png));
        });
        Metadata(value, "images", DataClass.BlobSequence);
    }));

    /// <summary>How values are distributed: the upper limit of each bucket and how many fall into it.</summary>
    internal static byte[] Histogram(double wallTime, long step, string tag, Histogram histogram) => Summary(wallTime, step, summary => Message(summary, 1, value =>
    {
        Tag(value, tag);
        Message(value, 5, message =>
        {
            double[] numbers = [histogram.Minimum, histogram.Maximum, histogram.Count, histogram.Sum, histogram.SumOfSquares];
            for (var i = 0; i < numbers.Length; i++)
            {
                message.WriteTag(i + 1, WireFormat.WireType.Fixed64);
                message.WriteDouble(numbers[i]);
            }
            Packed(message, 6, histogram.Limits);
            Packed(message, 7, histogram.Counts);
        });
        Metadata(value, "histograms", DataClass.Tensor);
    }));

    static void Packed(CodedOutputStream output, int field, IReadOnlyList<double> values)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteLength(sizeof(double) * values.Count);
        foreach (var value in values) output.WriteDouble(value);
    }

    static void Tag(CodedOutputStream value, string tag)
    {
        value.WriteTag(1, WireFormat.WireType.LengthDelimited);
        value.WriteString(tag);
    }

    static void Metadata(CodedOutputStream value, string plugin, DataClass kind) => Message(value, 9, metadata =>
    {
        Message(metadata, 1, data =>
        {
            data.WriteTag(1, WireFormat.WireType.LengthDelimited);
            data.WriteString(plugin);
        });
        metadata.WriteTag(4, WireFormat.WireType.Varint);
        metadata.WriteEnum((int)kind);
    });

    static byte[] Summary(double wallTime, long step, Action<CodedOutputStream> write) =>
        Event(wallTime, step, output => Message(output, 5, write));

    static byte[] Event(double wallTime, long step, Action<CodedOutputStream> write) => Bytes(output =>
    {
        output.WriteTag(1, WireFormat.WireType.Fixed64);
        output.WriteDouble(wallTime);
        output.WriteTag(2, WireFormat.WireType.Varint);
        output.WriteInt64(step);
        write(output);
    });

    // A message inside another is written on its own first: its length comes before it.
    static void Message(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Bytes(write)));
    }

    static byte[] Bytes(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var output = new CodedOutputStream(memory, leaveOpen: true)) write(output);
        return memory.ToArray();
    }
}
