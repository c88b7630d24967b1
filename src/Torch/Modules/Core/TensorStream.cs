using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>Tensors in a stream: type, number of dimensions, their lengths (LEB128 each), and the elements.</summary>
static unsafe class TensorStream
{
    const int MostDimensions = 64;
    const int Chunk = 1 << 24;

    internal static void Write(BinaryWriter writer, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().cpu().contiguous();
        writer.Write7BitEncodedInt64((long)plain.dtype);
        writer.Write7BitEncodedInt64(plain.dim());
        foreach (var length in plain.shape) writer.Write7BitEncodedInt64(length);
        var start = (byte*)plain.DataPointer();
        var bytes = plain.numel() * plain.element_size();
        for (var done = 0L; done < bytes; done += Chunk) writer.Write(new ReadOnlySpan<byte>(start + done, (int)Math.Min(Chunk, bytes - done)));
    }

    /// <exception cref="InvalidDataException">There is no tensor, or less of one than it claims.</exception>
    internal static Tensor Read(BinaryReader reader, Device? device = null)
    {
        var type = (ScalarType)reader.Read7BitEncodedInt64();
        var dimensions = reader.Read7BitEncodedInt64();
        if (!Enum.IsDefined(type) || dimensions is < 0 or > MostDimensions) throw new InvalidDataException("There is no tensor at this place of the stream.");
        var shape = new long[dimensions];
        for (var i = 0; i < shape.Length; i++) shape[i] = reader.Read7BitEncodedInt64();
        CheckSize(shape, reader.BaseStream);
        var tensor = empty(shape, type, CPU);
        var start = (byte*)tensor.DataPointer();
        var bytes = tensor.numel() * tensor.element_size();
        for (var done = 0L; done < bytes; done += Chunk) reader.BaseStream.ReadExactly(new Span<byte>(start + done, (int)Math.Min(Chunk, bytes - done)));
        if (device is null || device.type == DeviceType.CPU) return tensor;
        using (tensor) return tensor.to(device);
    }

    /// <summary>Refuses more elements than there are bytes left, before memory is taken for them.</summary>
    static void CheckSize(long[] shape, Stream stream)
    {
        var most = stream.CanSeek ? stream.Length - stream.Position : long.MaxValue;
        Int128 elements = 1;
        foreach (var length in shape)
        {
            elements *= length;
            if (length < 0 || elements > most) throw new InvalidDataException($"A tensor of [{string.Join(", ", shape)}] is more than the stream holds.");
        }
    }
}
