using Google.Protobuf;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Layers;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;
using static TorchSharp.torch;

namespace Transformers.Interchange.Onnx;

/// <summary>The layers of a model as nodes of a graph. A layer's weights are found under the name that it has in a checkpoint.</summary>
static class OnnxLayers
{
    /// <summary>Added to masked scores: low enough for a weight of 0, but finite, so that rows of only padding have a softmax.</summary>
    public const double Hidden = -1e30;

    /// <summary>x·Wᵀ + b.</summary>
    /// <param name="x">[…, inputs].</param>
    /// <returns>[…, outputs].</returns>
    public static string Linear(this OnnxGraph graph, string x, string name)
    {
        var (matrix, scales) = graph.Weights.Matrix(name + ".weight");
        return graph.Biased(graph.Product(x, graph.Initializer(matrix), scales is null ? null : graph.Initializer(scales)), name + ".bias");
    }

    /// <summary>Adds a bias, if the model has one.</summary>
    public static string Biased(this OnnxGraph graph, string x, string name) => graph.Weights.Has(name) ? graph.Add(x, graph.Plain(name)) : x;

    /// <summary>Logits from an embedding table that the output layer shares.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <returns>[B, T, V].</returns>
    public static string TiedOutput(this OnnxGraph graph, string x, string name)
    {
        var (table, scales) = graph.Weights.Table(name);
        return graph.Product(x, graph.Transpose(graph.Initializer(table), 1, 0), scales is null ? null : graph.Initializer(scales));
    }

    // With an 8-bit matrix, the input is also quantized to 8 bits, with a single scale.
    static string Product(this OnnxGraph graph, string x, string matrix, string? scales)
    {
        if (scales is null) return graph.Call("MatMul", x, matrix);
        var input = graph.CallMany("DynamicQuantizeLinear", 3, [x]);
        var sum = graph.Call("MatMulInteger", input[0], matrix, input[2], graph.Constant(ElementType.Uint8, [], [OnnxWeights.Zero]));
        return graph.Multiply(graph.Cast(sum, ElementType.Float), graph.Multiply(input[1], scales));
    }

    /// <summary>A weight as it is.</summary>
    public static string Plain(this OnnxGraph graph, string name) => graph.Initializer(graph.Weights.Plain(name));

    /// <summary>Rows of a table.</summary>
    /// <param name="ids">[…], whole numbers.</param>
    /// <returns>[…, D].</returns>
    public static string Embedding(this OnnxGraph graph, string name, string ids)
    {
        var (table, scales) = graph.Weights.Table(name);
        var rows = graph.Gather(graph.Initializer(table), ids);
        if (scales is null) return rows;
        var centred = graph.Subtract(graph.Cast(rows, ElementType.Float), graph.Number((double)OnnxWeights.Zero));
        return graph.Multiply(centred, graph.Unsqueeze(graph.Gather(graph.Initializer(scales), ids), -1));
    }

    /// <summary>A normalisation of the last dimension.</summary>
    public static string Norm(this OnnxGraph graph, string x, NormConfig config, string name)
    {
        switch (config)
        {
            case LayerNormConfig:
                string[] bias = graph.Weights.Has(name + ".bias") ? [graph.Plain(name + ".bias")] : [];
                return graph.Call("LayerNormalization", [x, graph.Plain(name + ".weight"), .. bias], OnnxGraph.Whole("axis", -1), OnnxGraph.Real("epsilon", config.Epsilon));
            case RmsNormConfig:
                var square = graph.Call("ReduceMean", [graph.Call("Pow", x, graph.Number(2.0))], OnnxGraph.Wholes("axes", -1));
                return graph.Multiply(graph.Call("Div", x, graph.Call("Sqrt", graph.Add(square, graph.Number(config.Epsilon)))), graph.Plain(name + ".weight"));
            default: throw Refused("norm", config);
        }
    }

    /// <summary>The residual connection around a sublayer, with its norm before or after, and the scale of its output, if any.</summary>
    public static string Residual(this OnnxGraph graph, string x, NormConfig config, string block, int number, Func<string, string> sublayer)
    {
        var (norm, scale) = ($"{block}.norm{number}", $"{block}.scale{number}.weight");
        if (config.Placement == NormPlacement.Pre) return graph.Add(x, Scaled(sublayer(graph.Norm(x, config, norm))));
        return graph.Norm(graph.Add(x, Scaled(sublayer(x))), config, norm);

        string Scaled(string y) => graph.Weights.Has(scale) ? graph.Multiply(y, graph.Plain(scale)) : y;
    }

    /// <summary>The feed-forward network.</summary>
    public static string FeedForward(this OnnxGraph graph, string x, FeedForwardConfig config, string name)
    {
        graph.Scope = name;
        var hidden = graph.Linear(x, name + ".up");
        return graph.Linear(config switch
        {
            ReluConfig => graph.Call("Relu", hidden),
            GeluConfig { Tanh: true } => graph.TanhGelu(hidden),
            GeluConfig => graph.Gelu(hidden),
            SiluConfig => graph.Silu(hidden),
            SwiGluConfig => graph.SwiGlu(hidden),
            _ => throw Refused("feed_forward", config),
        }, name + ".down");
    }

    /// <summary>x/2 · (1 + erf(x/√2)), in the order that ONNX Runtime recognises and computes as one.</summary>
    public static string Gelu(this OnnxGraph graph, string x)
    {
        var erf = graph.Call("Erf", graph.Call("Div", x, graph.Number(Math.Sqrt(2))));
        return graph.Multiply(graph.Multiply(x, graph.Add(erf, graph.Number(1.0))), 0.5);
    }

    // x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))
    static string TanhGelu(this OnnxGraph graph, string x)
    {
        var root = Math.Sqrt(2 / Math.PI);
        var factor = graph.Add(graph.Multiply(graph.Multiply(x, x), 0.044715 * root), graph.Number(root));
        return graph.Multiply(graph.Multiply(x, graph.Add(graph.Call("Tanh", graph.Multiply(x, factor)), graph.Number(1.0))), 0.5);
    }

    static string SwiGlu(this OnnxGraph graph, string x)
    {
        var halves = graph.CallMany("Split", 2, [x], OnnxGraph.Whole("axis", -1));
        return graph.Multiply(graph.Silu(halves[0]), halves[1]);
    }

    static string Silu(this OnnxGraph graph, string x) => graph.Multiply(x, graph.Call("Sigmoid", x));

    /// <summary>A layer with self-attention and a feed-forward network.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="attend">Computes the attention of its input, [B, T, D].</param>
    public static string Block(this OnnxGraph graph, string x, NormConfig norm, FeedForwardConfig feedForward, string name, Func<string, string> attend)
    {
        x = graph.Residual(x, norm, name, 1, attend);
        return graph.Residual(x, norm, name, 2, h => graph.FeedForward(h, feedForward, name + ".mlp"));
    }

    /// <summary>The mask for padding in attention.</summary>
    /// <param name="mask">[B, S] whole numbers: 1 for a token, and 0 for padding.</param>
    /// <returns>The term that is added to scores, [B, 1, 1, S].</returns>
    public static string Padding(this OnnxGraph graph, string mask) =>
        graph.Unsqueeze(graph.Multiply(graph.Subtract(graph.Number(1.0), graph.Cast(mask, ElementType.Float)), Hidden), 1, 2);

    /// <summary>The error for a setting that cannot be exported.</summary>
    public static UserException Refused(string setting, object config) =>
        new($"model.{setting}.kind ({KindAttribute.Of(config)}) cannot be exported to ONNX", "export a run with another kind, or to another format");
}

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
