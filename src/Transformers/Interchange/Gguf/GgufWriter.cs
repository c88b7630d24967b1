namespace Transformers.Interchange.Gguf;

/// <summary>The element types of GGUF tensors, with the format's numbers.</summary>
enum GgufType
{
    F32 = 0,
    F16 = 1,
    Q8_0 = 8,
    BF16 = 30,
}

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Its name in llama.cpp.</param>
/// <param name="Shape">Its sizes, the last one contiguous.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Write">Writes exactly the bytes that type and shape need.</param>
sealed record GgufTensor(string Name, IReadOnlyList<long> Shape, GgufType Type, Action<Stream> Write)
{
    public long Bytes => Shape.Aggregate(1L, (product, size) => checked(product * size)) switch
    {
        var numbers when Type == GgufType.F32 => numbers * 4,
        var numbers when Type == GgufType.Q8_0 => numbers / Quantized.Block * Quantized.BlockBytes,
        var numbers => numbers * 2,
    };
}

/// <summary>Writes files in version 3 of GGUF: settings, the list of tensors, and their numbers, each aligned to 32 bytes.</summary>
/// <remarks>ggml's docs/gguf.md; all numbers are little-endian.</remarks>
sealed class GgufWriter
{
    const int Alignment = 32;
    const uint Version = 3;
    const uint UInt32 = 4, Int32 = 5, Float32 = 6, Bool = 7, Text = 8, Array = 9;

    readonly MemoryStream settings = new();
    int count;

    /// <summary>Adds a string.</summary>
    public void Add(string key, string value) => Setting(key, Text, () => Write(settings, value));

    /// <summary>Adds a non-negative integer.</summary>
    public void Add(string key, int value) => Setting(key, UInt32, () => Write(settings, checked((uint)value)));

    /// <summary>Adds a number.</summary>
    public void Add(string key, double value) => Setting(key, Float32, () => Write(settings, BitConverter.SingleToUInt32Bits((float)value)));

    /// <summary>Adds a boolean.</summary>
    public void Add(string key, bool value) => Setting(key, Bool, () => settings.WriteByte(value ? (byte)1 : (byte)0));

    /// <summary>Adds a list of strings.</summary>
    public void Add(string key, IReadOnlyList<string> values) => List(key, Text, values.Count, () =>
    {
        foreach (var value in values) Write(settings, value);
    });

    /// <summary>Adds a list of integers.</summary>
    public void Add(string key, IReadOnlyList<int> values) => List(key, Int32, values.Count, () =>
    {
        foreach (var value in values) Write(settings, unchecked((uint)value));
    });

    void List(string key, uint type, int length, Action write) => Setting(key, Array, () =>
    {
        Write(settings, type);
        Write(settings, (ulong)length);
        write();
    });

    void Setting(string key, uint type, Action write)
    {
        Write(settings, key);
        Write(settings, type);
        write();
        count++;
    }

    /// <summary>Writes the file.</summary>
    /// <exception cref="InvalidOperationException">A tensor wrote more or fewer bytes than its type and shape need.</exception>
    public void WriteTo(Stream stream, IReadOnlyList<GgufTensor> tensors)
    {
        using var head = new MemoryStream();
        head.Write("GGUF"u8);
        Write(head, Version);
        Write(head, (ulong)tensors.Count);
        Write(head, (ulong)count);
        settings.WriteTo(head);
        long offset = 0;
        foreach (var tensor in tensors)
        {
            Write(head, tensor.Name);
            Write(head, (uint)tensor.Shape.Count);
            // The format names the contiguous size first.
            foreach (var size in tensor.Shape.Reverse()) Write(head, (ulong)size);
            Write(head, (uint)tensor.Type);
            Write(head, (ulong)offset);
            offset = Aligned(offset + tensor.Bytes);
        }
        Pad(head, head.Length);
        head.WriteTo(stream);
        foreach (var tensor in tensors)
        {
            var counted = new CountingStream(stream);
            tensor.Write(counted);
            if (counted.Written != tensor.Bytes) throw new InvalidOperationException($"{tensor.Name} wrote {counted.Written} bytes, but its shape needs {tensor.Bytes}");
            Pad(stream, tensor.Bytes);
        }
    }

    static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    static void Pad(Stream stream, long written) => stream.Write(new byte[Aligned(written) - written]);

    static void Write(Stream stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Write(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    static void Write(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    static void Write(Stream stream, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    sealed class CountingStream(Stream inner) : WriteOnlyStream
    {
        public long Written { get; private set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            inner.Write(buffer);
            Written += buffer.Length;
        }

        private protected override long Count => Written;
    }
}

/// <summary>ggml's type q8_0: blocks of 32 8-bit numbers with one 16-bit scale, which is the largest magnitude divided by 127.</summary>
static class Quantized
{
    public const int Block = 32, BlockBytes = 2 + Block;

    /// <summary>Quantizes numbers, whose count is a multiple of 32.</summary>
    public static byte[] Of(ReadOnlySpan<float> values)
    {
        var result = new byte[values.Length / Block * BlockBytes];
        for (var block = 0; block < values.Length / Block; block++)
        {
            var part = values.Slice(block * Block, Block);
            var target = result.AsSpan(block * BlockBytes, BlockBytes);
            var largest = 0f;
            foreach (var value in part) largest = Math.Max(largest, Math.Abs(value));
            var scale = largest / 127;
            var inverse = scale == 0 ? 0 : 1 / scale;
            BinaryPrimitives.WriteHalfLittleEndian(target, (Half)scale);
            for (var i = 0; i < Block; i++) target[2 + i] = unchecked((byte)(sbyte)MathF.Round(part[i] * inverse, MidpointRounding.AwayFromZero));
        }
        return result;
    }
}
