namespace Transformers.Checkpoints;

/// <summary>Element types of the safetensors format; the names are the ones in the file.</summary>
public enum SafetensorsDtype
{
    /// <summary>Boolean, one byte.</summary>
    BOOL,
    /// <summary>4-bit float, two to a byte.</summary>
    F4,
    /// <summary>6-bit float, 2 exponent bits.</summary>
    F6_E2M3,
    /// <summary>6-bit float, 3 exponent bits.</summary>
    F6_E3M2,
    /// <summary>Unsigned 8-bit integer.</summary>
    U8,
    /// <summary>Signed 8-bit integer.</summary>
    I8,
    /// <summary>8-bit float, 5 exponent bits.</summary>
    F8_E5M2,
    /// <summary>8-bit float, 4 exponent bits.</summary>
    F8_E4M3,
    /// <summary>8-bit float, 5 exponent bits, no negative zero.</summary>
    F8_E5M2FNUZ,
    /// <summary>8-bit float, 4 exponent bits, no negative zero.</summary>
    F8_E4M3FNUZ,
    /// <summary>8-bit exponent alone.</summary>
    F8_E8M0,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Unsigned 16-bit integer.</summary>
    U16,
    /// <summary>IEEE half.</summary>
    F16,
    /// <summary>Brain float.</summary>
    BF16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Unsigned 32-bit integer.</summary>
    U32,
    /// <summary>IEEE single.</summary>
    F32,
    /// <summary>Complex of two singles.</summary>
    C64,
    /// <summary>IEEE double.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Sizes and names of <see cref="SafetensorsDtype"/>.</summary>
public static class SafetensorsDtypes
{
    static readonly Dictionary<string, SafetensorsDtype> ByName = Enum.GetValues<SafetensorsDtype>().ToDictionary(d => d.ToString());

    /// <summary>Bits of one element.</summary>
    public static int Bits(this SafetensorsDtype dtype) => dtype switch
    {
        SafetensorsDtype.F4 => 4,
        SafetensorsDtype.F6_E2M3 or SafetensorsDtype.F6_E3M2 => 6,
        <= SafetensorsDtype.F8_E8M0 => 8,
        <= SafetensorsDtype.BF16 => 16,
        <= SafetensorsDtype.F32 => 32,
        _ => 64,
    };

    /// <summary>The type of that name, exactly as in the file; false if there is none.</summary>
    public static bool TryParse(string name, out SafetensorsDtype dtype) => ByName.TryGetValue(name, out dtype);
}

/// <summary>A tensor in a safetensors header.</summary>
/// <param name="Name">Its name: any text but <c>__metadata__</c>.</param>
/// <param name="Dtype">Type of its elements.</param>
/// <param name="Shape">Its sizes; empty for a scalar; any may be 0.</param>
/// <param name="Begin">Offset of its first byte, from the end of the header.</param>
/// <param name="End">Offset of the byte after its last one.</param>
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
            // Whole bytes if possible: a count of bits could overflow for a size that fits in memory.
            var width = dtype.Bits();
            if (width % 8 == 0) return checked(bits * (width / 8));
            bits = checked(bits * width);
        }
        catch (OverflowException e)
        {
            throw new SafetensorsException(SafetensorsError.ValidationOverflow, file, name, $"shape {Show(shape)} of {dtype} has more bytes than fit in 64 bits", e);
        }
        if (bits % 8 != 0)
            throw new SafetensorsException(SafetensorsError.MisalignedSlice, file, name, $"shape {Show(shape)} of {dtype} has {bits} bits, which are not whole bytes");
        return bits / 8;
    }

    internal static string Show(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}

/// <summary>A tensor to be written to a safetensors file: its description, and how to write its bytes.</summary>
/// <param name="Name">Its name: any text but <c>__metadata__</c>.</param>
/// <param name="Dtype">Type of its elements.</param>
/// <param name="Shape">Its sizes; empty for a scalar; any may be 0.</param>
/// <param name="WriteTo">Writes exactly the bytes that type and shape need, little-endian, row-major, contiguous. Called once per file that
/// is written.</param>
public sealed record TensorBytes(string Name, SafetensorsDtype Dtype, IReadOnlyList<long> Shape, Action<Stream> WriteTo)
{
    /// <summary>A tensor whose bytes are in managed memory, which must not change until they are written.</summary>
    public static TensorBytes FromMemory(string name, SafetensorsDtype dtype, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes) =>
        new(name, dtype, shape, stream => stream.Write(bytes.Span));

    /// <summary>A tensor whose bytes are at an address, which must stay valid and unchanged until they are written.</summary>
    /// <param name="name">See the record.</param>
    /// <param name="dtype">See the record.</param>
    /// <param name="shape">See the record.</param>
    /// <param name="address">Address of the first byte; may be 0 if there are none.</param>
    /// <param name="byteCount">The number of bytes; may exceed 2 GiB.</param>
    /// <param name="owner">The object that keeps the memory alive; referenced until the tensor is written.</param>
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

/// <summary>The rule of the safetensors format that is broken. The first group has the names of the reference implementation.</summary>
public enum SafetensorsError
{
    /// <summary>The file has fewer than 8 bytes.</summary>
    HeaderTooSmall,
    /// <summary>The header has more than 100,000,000 bytes.</summary>
    HeaderTooLarge,
    /// <summary>The header ends after the file does.</summary>
    InvalidHeaderLength,
    /// <summary>The header is not UTF-8.</summary>
    InvalidHeader,
    /// <summary>The header is not JSON, or not of the format's shape.</summary>
    InvalidHeaderDeserialization,
    /// <summary>Offsets overlap, leave a gap, or end before they start.</summary>
    InvalidOffset,
    /// <summary>The size that the shape gives does not fit in 64 bits.</summary>
    ValidationOverflow,
    /// <summary>Elements smaller than a byte do not fill whole bytes.</summary>
    MisalignedSlice,
    /// <summary>The offsets do not span the size that type and shape give.</summary>
    TensorInvalidInfo,
    /// <summary>Bytes are missing or left over after the last tensor.</summary>
    MetadataIncompleteBuffer,

    /// <summary>A name occurs twice in the header, or a reserved one is used.</summary>
    InvalidName,
    /// <summary>A tensor that was asked for is not in the file.</summary>
    TensorNotFound,
    /// <summary>The file cannot be opened or read.</summary>
    Unreadable,
    /// <summary>A source gave more or fewer bytes than its type and shape need.</summary>
    WrongByteCount,
}

/// <summary>A safetensors file, or data to be written as one, breaks a rule of the format.</summary>
public sealed class SafetensorsException : UserException
{
    /// <summary>The rule.</summary>
    public SafetensorsError Error { get; }

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The tensor in question, if it is about one.</summary>
    public string? Tensor { get; }

    /// <summary>Names the file and the tensor.</summary>
    public SafetensorsException(SafetensorsError error, string file, string? tensor, string message, Exception? inner = null)
        : base([new Problem(tensor is null ? message : $"tensor {MessageText.Quote(tensor)}: {message}", File: file)], inner)
    {
        Error = error;
        File = file;
        Tensor = tensor;
    }
}
