using Google.Protobuf;
using Transformers.Checkpoints;
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
    // By description: the numbers are computed when a file is written, so that only one weight at a time is in memory twice.
    readonly Dictionary<TensorProto, Func<Tensor>> numbers = new(ReferenceEqualityComparer.Instance);
    readonly HashSet<string> used = new(StringComparer.Ordinal);

    /// <summary>The weights of a model.</summary>
    /// <param name="model">The model; it must live until the graphs are written.</param>
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
        var tensor = tensors[name];
        used.Add(name);
        long[] shape = tensor.shape;
        if (transposed || quantized) shape = [shape[0], tensor.numel() / shape[0]];
        if (transposed) Array.Reverse(shape);
        return made[(name, transposed)] = quantized
            ? (Describe(name, ElementType.Uint8, shape, () => Turned(Quantize(Rows(tensor)))), Describe(name + ".scale", ElementType.Float, [tensor.size(0)], () => Scales(Rows(tensor))))
            : (Describe(name, ElementType.Float, shape, () => Turned(transposed ? Rows(tensor) : Plain(tensor))), null);

        Tensor Turned(Tensor values) => transposed ? values.t() : values;
    }

    static Tensor Plain(Tensor tensor) => tensor.to(ScalarType.Float32, CPU);

    static Tensor Rows(Tensor tensor) => Plain(tensor).flatten(1);

    static Tensor Scales(Tensor rows) => maximum(rows.amax([1L]), rows.amin([1L]).neg()).div(127).clamp_min(1e-30);          // [outputs]

    static Tensor Quantize(Tensor rows) => rows.div(Scales(rows).unsqueeze(1)).round_().clamp_(-127, 127).add_(Zero).to(ScalarType.Byte);

    TensorProto Describe(string name, ElementType type, long[] shape, Func<Tensor> values)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type };
        tensor.Dims.Add(shape);
        numbers.Add(tensor, values);
        return tensor;
    }

    /// <summary>The number of bytes of a weight or constant of a graph.</summary>
    public long BytesOf(TensorProto tensor) => !numbers.ContainsKey(tensor) ? tensor.RawData.Length
        : tensor.Dims.Aggregate(1L, (product, size) => product * size) * (tensor.DataType == (int)ElementType.Uint8 ? sizeof(byte) : sizeof(float));

    /// <summary>Writes the bytes of a weight or constant of a graph; there may be more than 2 GiB of them.</summary>
    public void WriteTo(Stream stream, TensorProto tensor)
    {
        if (!numbers.TryGetValue(tensor, out var values))
        {
            tensor.RawData.WriteTo(stream);
            return;
        }
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        values().WriteTo(stream);
    }

    /// <summary>Puts the bytes of a weight into its description, if they are not in a separate file.</summary>
    public void Fill(TensorProto tensor)
    {
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External || tensor.HasRawData) return;
        var bytes = new MemoryStream(checked((int)BytesOf(tensor)));
        WriteTo(bytes, tensor);
        tensor.RawData = UnsafeByteOperations.UnsafeWrap(bytes.GetBuffer());
    }
}
