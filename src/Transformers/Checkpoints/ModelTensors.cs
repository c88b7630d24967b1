using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Checkpoints;

/// <summary>Carries tensors between the engine and safetensors files.</summary>
public static class ModelTensors
{
    /// <summary>Adds a file of tensors to a checkpoint, from copies that nothing changes any more, so that it can be written in the background.</summary>
    /// <param name="contents">The checkpoint, which owns the copies from now on.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="tensors">Names and tensors, on any device.</param>
    public static unsafe CheckpointContents AddSnapshot(this CheckpointContents contents, string file, IEnumerable<(string name, Tensor tensor)> tensors)
    {
        using var plain = no_grad();
        var copies = new List<TensorBytes>();
        foreach (var (name, tensor) in tensors)
        {
            using var scope = NewDisposeScope();
            // Native memory: it goes back when the file is written, and not when the collector gets to it.
            var copy = tensor.detach().to(CPU, copy: true).contiguous().DetachFromDisposeScope();
            contents.Own(copy);
            var bytes = copy.bytes;
            fixed (byte* address = bytes)
                copies.Add(TensorBytes.FromPointer(name, DtypeOf(copy.dtype), copy.shape, (nint)address, bytes.Length, copy));
        }
        return contents.AddTensors(file, copies);
    }

    /// <summary>Fills tensors in place from a file; names and shapes must be exactly the file's.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="tensors">Names and tensors, on any device.</param>
    /// <param name="hint">The remedy where they do not fit.</param>
    /// <exception cref="CheckpointException">A tensor is missing, left over, or of another shape or type.</exception>
    public static void Fill(SafetensorsFile file, string path, IEnumerable<(string name, Tensor tensor)> tensors, string hint = "it was saved by a model of another shape")
    {
        using var plain = no_grad();
        var left = file.Header.Tensors.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            if (!file.Header.TryFind(name, out var stored))
                throw new CheckpointException(path, $"has no tensor {name}", hint);
            if (!stored.Shape.SequenceEqual(tensor.shape))
                throw new CheckpointException(path, $"{name} is [{string.Join(", ", stored.Shape)}] and [{string.Join(", ", tensor.shape)}] is wanted", hint);
            left.Remove(name);
            using var scope = NewDisposeScope();
            tensor.copy_(Load(file, stored, path));
        }
        if (left.Count > 0)
            throw new CheckpointException(path, $"has tensors that are not wanted: {string.Join(", ", left.Order().Take(5))}", hint);
    }

    /// <summary>Fills tensors in place from a file of a checkpoint; names and shapes must be exactly the file's.</summary>
    /// <inheritdoc cref="Fill(SafetensorsFile, string, IEnumerable{ValueTuple{string, Tensor}}, string)"/>
    public static void Fill(this Checkpoint checkpoint, string name, IEnumerable<(string name, Tensor tensor)> tensors, string hint = "it was saved by a model of another shape")
    {
        using var file = checkpoint.OpenTensors(name);
        Fill(file, checkpoint.PathOf(name), tensors, hint);
    }

    /// <summary>One tensor of a file, on the CPU.</summary>
    public static Tensor Load(SafetensorsFile file, SafetensorsTensor stored, string path)
    {
        var tensor = empty([.. stored.Shape], dtype: TypeOf(stored.Dtype, path, stored.Name));
        if (tensor.numel() > 0) file.Span(stored).CopyTo(tensor.bytes);
        return tensor;
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
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "a type that checkpoints do not hold"),
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
        _ => throw new CheckpointException(path, $"{name} has the type {dtype}, which the engine does not have"),
    };
}
