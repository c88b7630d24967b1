using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>Tensors in a stream: type, number of dimensions, their lengths (LEB128 each), and the elements.</summary>
static class TensorStream
{
    const int MostDimensions = 64;

    internal static void Write(BinaryWriter writer, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().cpu().contiguous();
        writer.Write7BitEncodedInt64((long)plain.dtype);
        writer.Write7BitEncodedInt64(plain.dim());
        foreach (var length in plain.shape) writer.Write7BitEncodedInt64(length);
        writer.Write(plain.bytes);
    }

    internal static Tensor Read(BinaryReader reader, Device? device = null)
    {
        var type = (ScalarType)reader.Read7BitEncodedInt64();
        var dimensions = reader.Read7BitEncodedInt64();
        if (!Enum.IsDefined(type) || dimensions is < 0 or > MostDimensions) throw new InvalidDataException("There is no tensor at this place of the stream.");
        var shape = new long[dimensions];
        for (var i = 0; i < shape.Length; i++) shape[i] = reader.Read7BitEncodedInt64();
        if (shape.Any(length => length < 0)) throw new InvalidDataException("A tensor in the stream has a dimension of negative length.");
        var tensor = empty(shape, type, CPU);
        reader.BaseStream.ReadExactly(tensor.bytes);
        if (device is null || device.type == DeviceType.CPU) return tensor;
        using (tensor) return tensor.to(device);
    }
}
