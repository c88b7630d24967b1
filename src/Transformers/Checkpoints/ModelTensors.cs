using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Checkpoints;

/// <summary>Copies tensors between the engine and safetensors files.</summary>
public static class ModelTensors
{
    // A multiple of every block in which formats quantize.
    const long PieceLength = 1 << 24;

    /// <summary>Adds a file of tensors to a checkpoint, from copies that nothing else changes, so that it can be written in the background.</summary>
    /// <param name="contents">The checkpoint, which owns the copies from now on.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="tensors">Names and tensors, on any device.</param>
    public static CheckpointContents AddSnapshot(this CheckpointContents contents, string file, IEnumerable<(string name, Tensor tensor)> tensors)
    {
        using var plain = no_grad();
        var copies = new List<(string, Tensor)>();
        foreach (var (name, tensor) in tensors)
        {
            using var scope = NewDisposeScope();
            // Native memory: it is freed when the file is written, rather than when the garbage collector gets to it.
            var copy = tensor.detach().to(CPU, copy: true).contiguous().DetachFromDisposeScope();
            contents.Own(copy);
            copies.Add((name, copy));
        }
        return contents.AddTensors(file, copies);
    }

    /// <summary>Adds a file of tensors to a checkpoint without copying them.</summary>
    /// <param name="contents">The checkpoint.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="tensors">Names and tensors, contiguous and on the CPU; they must live, and must not change, until the file is written.</param>
    public static CheckpointContents AddTensors(this CheckpointContents contents, string file, IEnumerable<(string name, Tensor tensor)> tensors) =>
        contents.AddTensors(file, [.. tensors.Select(one =>
            TensorBytes.FromPointer(one.name, DtypeOf(one.tensor.dtype), one.tensor.shape, AddressOf(one.tensor), one.tensor.NumberOfElements * one.tensor.ElementSize, one.tensor))]);

    /// <summary>Fills tensors in place from a file; names and shapes must be exactly the file's.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="tensors">Names and tensors, on any device.</param>
    /// <param name="hint">The remedy if they do not match.</param>
    /// <exception cref="CheckpointException">A tensor is missing, left over, or of another shape or type.</exception>
    public static void Fill(SafetensorsFile file, string path, IEnumerable<(string name, Tensor tensor)> tensors, string hint = "it was saved by a model with a different shape")
    {
        using var plain = no_grad();
        var left = file.Header.Tensors.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            if (!file.Header.TryFind(name, out var stored))
                throw new CheckpointException(path, $"has no tensor {name}", hint);
            if (!stored.Shape.SequenceEqual(tensor.shape))
                throw new CheckpointException(path, $"{name} is [{string.Join(", ", stored.Shape)}] and [{string.Join(", ", tensor.shape)}] is expected", hint);
            left.Remove(name);
            using var scope = NewDisposeScope();
            tensor.copy_(Load(file, stored, path));
        }
        if (left.Count > 0)
            throw new CheckpointException(path, $"has unexpected tensors: {string.Join(", ", left.Order().Take(5))}", hint);
    }

    /// <summary>Fills tensors in place from a file of a checkpoint; names and shapes must be exactly the file's.</summary>
    /// <inheritdoc cref="Fill(SafetensorsFile, string, IEnumerable{ValueTuple{string, Tensor}}, string)"/>
    public static void Fill(this Checkpoint checkpoint, string name, IEnumerable<(string name, Tensor tensor)> tensors, string hint = "it was saved by a model with a different shape")
    {
        using var file = checkpoint.OpenTensors(name);
        Fill(file, checkpoint.PathOf(name), tensors, hint);
    }

    /// <summary>One tensor of a file, on the CPU.</summary>
    public static Tensor Load(SafetensorsFile file, SafetensorsTensor stored, string path)
    {
        var tensor = empty([.. stored.Shape], dtype: TypeOf(stored.Dtype, path, stored.Name));
        if (tensor.numel() > 0) file.CopyTo(stored, AddressOf(tensor));
        return tensor;
    }

    /// <summary>A tensor as one-dimensional pieces, contiguous and on the CPU, whose bytes fit in a span as those of a large tensor do not (2 GiB).</summary>
    /// <param name="tensor">The tensor; each piece is valid until the next one is asked for.</param>
    internal static IEnumerable<Tensor> Pieces(Tensor tensor)
    {
        using var near = tensor.detach().cpu();
        using var dense = near.contiguous();
        using var flat = dense.view(-1);
        for (long at = 0, all = flat.numel(); at < all; at += PieceLength)
        {
            using var piece = flat.narrow(0, at, Math.Min(PieceLength, all - at));
            yield return piece;
        }
    }

    /// <summary>Writes a tensor's bytes, row by row; there may be more than 2 GiB.</summary>
    internal static void WriteTo(this Tensor tensor, Stream stream)
    {
        foreach (var piece in Pieces(tensor)) stream.Write(piece.bytes);
    }

    /// <summary>Whether all numbers are finite, with memory for a piece at a time.</summary>
    internal static bool IsFinite(this Tensor tensor)
    {
        foreach (var piece in Pieces(tensor))
        {
            using var scope = NewDisposeScope();
            if (!piece.isfinite().all().item<bool>()) return false;
        }
        return true;
    }

    // The address of the first byte; 0 where there is none.
    static unsafe nint AddressOf(Tensor dense)
    {
        if (dense.numel() == 0) return 0;
        using var flat = dense.view(-1);
        using var first = flat.narrow(0, 0, 1);
        fixed (byte* address = first.bytes) return (nint)address;
    }

    static SafetensorsDtype DtypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => SafetensorsDtype.F32,
        ScalarType.BFloat16 => SafetensorsDtype.BF16,
        ScalarType.Float16 => SafetensorsDtype.F16,
        ScalarType.Float64 => SafetensorsDtype.F64,
        ScalarType.Int64 => SafetensorsDtype.I64,
        ScalarType.Int32 => SafetensorsDtype.I32,
        ScalarType.Byte => SafetensorsDtype.U8,
        ScalarType.Bool => SafetensorsDtype.BOOL,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "a type that checkpoints do not support"),
    };

    static ScalarType TypeOf(SafetensorsDtype dtype, string path, string name) => dtype switch
    {
        SafetensorsDtype.F32 => ScalarType.Float32,
        SafetensorsDtype.BF16 => ScalarType.BFloat16,
        SafetensorsDtype.F16 => ScalarType.Float16,
        SafetensorsDtype.F64 => ScalarType.Float64,
        SafetensorsDtype.I64 => ScalarType.Int64,
        SafetensorsDtype.I32 => ScalarType.Int32,
        SafetensorsDtype.U8 => ScalarType.Byte,
        SafetensorsDtype.BOOL => ScalarType.Bool,
        _ => throw new CheckpointException(path, $"{name} has the type {dtype}, which the engine does not support"),
    };
}
