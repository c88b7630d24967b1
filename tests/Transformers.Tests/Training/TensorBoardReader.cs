namespace Transformers.Tests.Training;

/// <summary>One record of an event file.</summary>
sealed record ReadEvent(double WallTime, long Step)
{
    public string? FileVersion { get; set; }
    public long? SessionStatus { get; set; }
    public List<ReadValue> Values { get; } = [];
}

/// <summary>One tag of an event.</summary>
sealed record ReadValue
{
    public string Tag { get; set; } = "";
    public float? Scalar { get; set; }
    public string? Text { get; set; }
    public string? Plugin { get; set; }
    public long? DataClass { get; set; }
    public double[]? Limits { get; set; }
    public double[]? Counts { get; set; }
    public (long Height, long Width, long Colors, byte[] Png)? Image { get; set; }
}

/// <summary>An independent reader of event files, from the format's definition: TFRecord framing, CRC-32C bit by bit, protocol buffers by hand.</summary>
static class TensorBoardReader
{
    internal static List<ReadEvent> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var events = new List<ReadEvent>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(MaskedChecksum(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            var data = bytes.AsSpan(at + 12, length);
            Assert.Equal(MaskedChecksum(data), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            events.Add(Event(data.ToArray()));
            at += 16 + length;
        }
        return events;
    }

    // The polynomial 0x1EDC6F41, reflected, a bit at a time.
    static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        var crc = 0xffffffffu;
        foreach (var one in data)
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        }
        crc = ~crc;
        return unchecked((crc >> 15 | crc << 17) + 0xa282ead8u);
    }

    static ReadEvent Event(byte[] data)
    {
        var fields = Fields(data);
        var read = new ReadEvent(BitConverter.Int64BitsToDouble(fields.First(f => f.Number == 1).Value), fields.FirstOrDefault(f => f.Number == 2).Value); // A step of 0 is left out.
        foreach (var field in fields)
        {
            if (field.Number == 3) read.FileVersion = Encoding.UTF8.GetString(field.Bytes);
            if (field.Number == 7) read.SessionStatus = Fields(field.Bytes).Single(f => f.Number == 1).Value;
            if (field.Number == 5) read.Values.AddRange(Fields(field.Bytes).Where(f => f.Number == 1).Select(f => Value(f.Bytes)));
        }
        return read;
    }

    static ReadValue Value(byte[] data)
    {
        var value = new ReadValue();
        foreach (var field in Fields(data))
            switch (field.Number)
            {
                case 1: value.Tag = Encoding.UTF8.GetString(field.Bytes); break;
                case 2: value.Scalar = BitConverter.Int32BitsToSingle((int)field.Value); break;
                case 4:
                    var image = Fields(field.Bytes);
                    long Number(int of) => image.Single(f => f.Number == of).Value;
                    value.Image = (Number(1), Number(2), Number(3), image.Single(f => f.Number == 4).Bytes);
                    break;
                case 5:
                    value.Limits = Doubles(Fields(field.Bytes).Single(f => f.Number == 6).Bytes);
                    value.Counts = Doubles(Fields(field.Bytes).Single(f => f.Number == 7).Bytes);
                    break;
                case 8:
                    var tensor = Fields(field.Bytes);
                    Assert.Equal(7, tensor.Single(f => f.Number == 1).Value);
                    value.Text = Encoding.UTF8.GetString(tensor.Single(f => f.Number == 8).Bytes);
                    break;
                case 9:
                    var metadata = Fields(field.Bytes);
                    value.Plugin = Encoding.UTF8.GetString(Fields(metadata.Single(f => f.Number == 1).Bytes).Single(f => f.Number == 1).Bytes);
                    value.DataClass = metadata.Single(f => f.Number == 4).Value;
                    break;
            }
        return value;
    }

    static double[] Doubles(byte[] packed) =>
        [.. Enumerable.Range(0, packed.Length / 8).Select(i => BinaryPrimitives.ReadDoubleLittleEndian(packed.AsSpan(8 * i)))];

    static List<(int Number, long Value, byte[] Bytes)> Fields(byte[] data)
    {
        var fields = new List<(int, long, byte[])>();
        for (var at = 0; at < data.Length;)
        {
            var key = Varint(data, ref at);
            var (number, type) = ((int)(key >> 3), (int)(key & 7));
            switch (type)
            {
                case 0: fields.Add((number, Varint(data, ref at), [])); break;
                case 1: fields.Add((number, BinaryPrimitives.ReadInt64LittleEndian(data.AsSpan(at)), [])); at += 8; break;
                case 5: fields.Add((number, BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(at)), [])); at += 4; break;
                case 2:
                    var length = (int)Varint(data, ref at);
                    fields.Add((number, 0, data[at..(at + length)]));
                    at += length;
                    break;
                default: throw new InvalidDataException($"wire type {type}");
            }
        }
        return fields;
    }

    static long Varint(byte[] data, ref int at)
    {
        long value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var one = data[at++];
            value |= (long)(one & 0x7f) << shift;
            if (one < 0x80) return value;
        }
    }
}
