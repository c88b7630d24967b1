namespace Transformers.Checkpoints;

/// <summary>A tensor as a safetensors header tells of it.</summary>
/// <param name="Name">Its name: any text but <c>__metadata__</c>.</param>
/// <param name="Dtype">Type of its elements.</param>
/// <param name="Shape">Its sizes; empty for a scalar; any may be 0.</param>
/// <param name="Begin">Offset of its first byte, from the end of the header.</param>
/// <param name="End">Offset behind its last byte.</param>
public sealed record SafetensorsTensor(string Name, SafetensorsDtype Dtype, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Its size in bytes.</summary>
    public long ByteCount => End - Begin;

    /// <summary>The bytes that type and shape need.</summary>
    /// <exception cref="SafetensorsException">The number does not fit in 63 bits, a size is negative, or elements do not fill whole bytes.</exception>
    internal static long BytesOf(SafetensorsDtype dtype, IReadOnlyList<long> shape, string file, string name)
    {
        long bits = 1;
        try
        {
            foreach (var size in shape)
                bits = checked(bits * (size >= 0 ? size : throw new SafetensorsException(SafetensorsError.TensorInvalidInfo, file, name, $"shape {Show(shape)} must not be negative")));
            // Eighths first, so that every size that fits in memory also fits here.
            var width = dtype.Bits();
            if (width % 8 == 0) return checked(bits * (width / 8));
            bits = checked(bits * width);
        }
        catch (OverflowException e)
        {
            throw new SafetensorsException(SafetensorsError.ValidationOverflow, file, name, $"shape {Show(shape)} of {dtype} has more bytes than fit in 64 bits", e);
        }
        if (bits % 8 != 0)
            throw new SafetensorsException(SafetensorsError.MisalignedSlice, file, name, $"shape {Show(shape)} of {dtype} has {bits} bits, which are no whole bytes");
        return bits / 8;
    }

    internal static string Show(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}

/// <summary>A tensor to be written to a safetensors file: what it is, and how to get at its bytes.</summary>
/// <param name="Name">Its name: any text but <c>__metadata__</c>.</param>
/// <param name="Dtype">Type of its elements.</param>
/// <param name="Shape">Its sizes; empty for a scalar; any may be 0.</param>
/// <param name="WriteTo">Writes exactly the bytes that type and shape need, little-endian, row-major, contiguous. Called once a writing.</param>
public sealed record TensorBytes(string Name, SafetensorsDtype Dtype, IReadOnlyList<long> Shape, Action<Stream> WriteTo)
{
    /// <summary>A tensor whose bytes are in managed memory, which must not change until they are written.</summary>
    public static TensorBytes FromMemory(string name, SafetensorsDtype dtype, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes) =>
        new(name, dtype, shape, stream => stream.Write(bytes.Span));

    /// <summary>A tensor whose bytes are at an address, which must stay valid and unchanged until they are written.</summary>
    /// <param name="name">See the record.</param>
    /// <param name="dtype">See the record.</param>
    /// <param name="shape">See the record.</param>
    /// <param name="address">Address of the first byte; may be 0 where there are none.</param>
    /// <param name="byteCount">How many bytes are there; may exceed 2 GiB.</param>
    /// <param name="owner">What keeps the memory alive; held until the tensor is written.</param>
    public static unsafe TensorBytes FromPointer(string name, SafetensorsDtype dtype, IReadOnlyList<long> shape, nint address, long byteCount, object? owner = null) =>
        new(name, dtype, shape, stream =>
        {
            for (long at = 0; at < byteCount;)
            {
                var count = (int)Math.Min(byteCount - at, 1 << 24);
                stream.Write(new ReadOnlySpan<byte>((byte*)address + at, count));
                at += count;
            }
            GC.KeepAlive(owner);
        });
}
