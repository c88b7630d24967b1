using Google.Protobuf;
using TorchSharp;
using Transformers.IO;
using static TorchSharp.torch;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>A model's weights as tensors of ONNX graphs; the graphs of one folder share them.</summary>
/// <remarks>
/// In 8 bits, a matrix has a scale for each output (an embedding table for each row): w ≈ (q - 128) · scale with q from 1 to 255.
/// Unsigned numbers, because on processors without AVX512-VNNI the products of ONNX Runtime with signed ones overflow.
/// </remarks>
sealed class OnnxWeights
{
    /// <summary>The number that means 0 in 8 bits.</summary>
    public const byte Zero = 128;

    readonly Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
    readonly Dictionary<(string Name, bool Transposed), (TensorProto, TensorProto?)> made = [];
    readonly HashSet<string> used = new(StringComparer.Ordinal);

    /// <summary>The weights of a model.</summary>
    /// <param name="model">The model; it must live until the graphs are complete.</param>
    /// <param name="quantized">Whether matrices have 8 bits.</param>
    public OnnxWeights(nn.Module model, bool quantized)
    {
        Quantized = quantized;
        foreach (var (name, tensor) in model.state_dict()) tensors.Add(name, tensor);
    }

    /// <summary>Whether matrices have 8 bits.</summary>
    public bool Quantized { get; }

    /// <summary>Weights that no graph has used: a graph that omits one would not be the model.</summary>
    public IEnumerable<string> Unused => tensors.Keys.Except(used);

    /// <summary>Deliberately leaves out weights that only training uses.</summary>
    /// <param name="beginnings">The beginnings of their names.</param>
    public void LeaveOut(params ReadOnlySpan<string> beginnings)
    {
        foreach (var beginning in beginnings) used.UnionWith(tensors.Keys.Where(name => name.StartsWith(beginning, StringComparison.Ordinal)).ToList());
    }

    /// <summary>Whether the model has a weight.</summary>
    public bool Has(string name) => tensors.ContainsKey(name);

    /// <summary>A weight as stored, in 32 bits.</summary>
    public TensorProto Plain(string name) => Get(name, transposed: false, quantized: false).Values;

    /// <summary>A matrix [outputs, inputs] for products from the left, [inputs, outputs], with its scales [outputs] if it has 8 bits.</summary>
    public (TensorProto Values, TensorProto? Scales) Matrix(string name) => Get(name, transposed: true, Quantized);

    /// <summary>A table [rows, D], with its scales [rows] if it has 8 bits.</summary>
    public (TensorProto Values, TensorProto? Scales) Table(string name) => Get(name, transposed: false, Quantized);

    (TensorProto Values, TensorProto? Scales) Get(string name, bool transposed, bool quantized)
    {
        if (made.TryGetValue((name, transposed), out var known)) return known;
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var tensor = tensors[name].to(ScalarType.Float32, CPU);
        used.Add(name);
        Tensor? scales = null;
        if (quantized)
        {
            tensor = tensor.flatten(1);
            scales = tensor.abs().amax([1L]).div(127).clamp_min(1e-30);                                                          // [outputs]
            tensor = tensor.div(scales.unsqueeze(1)).round().clamp(-127, 127).add(Zero).to(ScalarType.Byte);
        }
        else if (transposed) tensor = tensor.flatten(1);
        return made[(name, transposed)] = (ToProto(name, transposed ? tensor.t() : tensor), scales is null ? null : ToProto(name + ".scale", scales));
    }

    static TensorProto ToProto(string name, Tensor tensor)
    {
        var contiguous = tensor.contiguous();
        if (contiguous.NumberOfElements * contiguous.ElementSize > int.MaxValue)
            throw new UserException($"the weight {name} of {contiguous.NumberOfElements * contiguous.ElementSize:N0} bytes is too large for an ONNX tensor, which can have at most 2 GB",
                "export with --quantize int8, which takes a quarter");
        var proto = new TensorProto
        {
            Name = name, DataType = (int)(contiguous.dtype == ScalarType.Byte ? ElementType.Uint8 : ElementType.Float), RawData = UnsafeByteOperations.UnsafeWrap(contiguous.bytes.ToArray()),
        };
        proto.Dims.Add(contiguous.shape);
        return proto;
    }
}
