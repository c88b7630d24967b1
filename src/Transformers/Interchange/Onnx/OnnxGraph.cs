using Google.Protobuf;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>One size of an input or an output: a number, or the name of a size that is known only at run time.</summary>
readonly record struct OnnxSize(long Number, string? Name)
{
    public static implicit operator OnnxSize(long number) => new(number, null);

    public static implicit operator OnnxSize(string name) => new(0, name);
}

/// <summary>An ONNX graph under construction: every operation adds a node and returns the name of its result.</summary>
/// <remarks>The operators are those of the standard domain at opset 17, so that every runtime has them: https://onnx.ai/onnx/operators.</remarks>
/// <param name="name">The graph's name.</param>
/// <param name="weights">The model's weights.</param>
sealed class OnnxGraph(string name, OnnxWeights weights)
{
    /// <summary>The version of the operators.</summary>
    public const int Opset = 17;

    // The version of the file format that came with the opset.
    const int FormatVersion = 8;

    readonly GraphProto graph = new() { Name = name };
    readonly Dictionary<string, string> constants = new(StringComparer.Ordinal), published = new(StringComparer.Ordinal);
    readonly HashSet<string> initializers = new(StringComparer.Ordinal);
    int values;

    /// <summary>The weights.</summary>
    public OnnxWeights Weights => weights;

    /// <summary>The part of the model that is being added, such as <c>blocks.0.attn</c>; nodes are named after it.</summary>
    public string Scope { get; set; } = name;

    /// <summary>Constants and weights of the graph.</summary>
    public IReadOnlyList<TensorProto> Initializers => graph.Initializer;

    /// <summary>Declares an input.</summary>
    public string Input(string input, ElementType type, params ReadOnlySpan<OnnxSize> shape)
    {
        graph.Input.Add(Describe(input, type, shape));
        return input;
    }

    /// <summary>Declares an optional input.</summary>
    /// <param name="input">Its name.</param>
    /// <param name="standard">Its value if it is not given.</param>
    /// <param name="shape">Its sizes if it is given; otherwise a single number is the value of all elements.</param>
    public string OptionalInput(string input, float standard, params ReadOnlySpan<OnnxSize> shape)
    {
        var tensor = new TensorProto { Name = input, DataType = (int)ElementType.Float, RawData = ByteString.CopyFrom(BitConverter.GetBytes(standard)) };
        for (var axis = 0; axis < shape.Length; axis++) tensor.Dims.Add(1);
        Initializer(tensor);
        return Input(input, ElementType.Float, shape);
    }

    /// <summary>Declares that a value is an output with a name.</summary>
    public void Output(string output, string value, params ReadOnlySpan<OnnxSize> shape) => Output(output, value, ElementType.Float, shape);

    /// <summary>Declares that a value of some type is an output with a name.</summary>
    public void Output(string output, string value, ElementType type, params ReadOnlySpan<OnnxSize> shape)
    {
        published.Add(value, output);
        graph.Output.Add(Describe(output, type, shape));
    }

    static ValueInfoProto Describe(string name, ElementType type, ReadOnlySpan<OnnxSize> shape)
    {
        var sizes = new TensorShapeProto();
        foreach (var size in shape)
            sizes.Dim.Add(size.Name is { } named ? new TensorShapeProto.Types.Dimension { DimParam = named } : new() { DimValue = size.Number });
        return new() { Name = name, Type = new() { TensorType = new() { ElemType = (int)type, Shape = sizes } } };
    }

    /// <summary>Adds a node without attributes.</summary>
    public string Call(string op, params ReadOnlySpan<string> inputs) => Call(op, [.. inputs], []);

    /// <summary>Adds a node.</summary>
    public string Call(string op, string[] inputs, params ReadOnlySpan<AttributeProto> attributes) => CallMany(op, 1, inputs, attributes)[0];

    /// <summary>Adds a node with several results.</summary>
    public string[] CallMany(string op, int results, string[] inputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { OpType = op };
        node.Input.Add(inputs);
        for (var i = 0; i < results; i++) node.Output.Add(string.Create(CultureInfo.InvariantCulture, $"{Scope}/{op}_{values++}"));
        node.Name = node.Output[0];
        foreach (var attribute in attributes) node.Attribute.Add(attribute);
        graph.Node.Add(node);
        return [.. node.Output];
    }

    /// <summary>A whole number as an attribute.</summary>
    public static AttributeProto Whole(string attribute, long value) => new() { Name = attribute, Type = AttributeProto.Types.AttributeType.Int, I = value };

    /// <summary>A number as an attribute.</summary>
    public static AttributeProto Real(string attribute, double value) => new() { Name = attribute, Type = AttributeProto.Types.AttributeType.Float, F = (float)value };

    /// <summary>Whole numbers as an attribute.</summary>
    public static AttributeProto Wholes(string attribute, params ReadOnlySpan<long> values)
    {
        var made = new AttributeProto { Name = attribute, Type = AttributeProto.Types.AttributeType.Ints };
        foreach (var value in values) made.Ints.Add(value);
        return made;
    }

    /// <summary>Adds a tensor under its own name, once.</summary>
    public string Initializer(TensorProto tensor)
    {
        if (initializers.Add(tensor.Name)) graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>A constant; equal ones are shared.</summary>
    public string Constant<T>(ElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<T> values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var key = $"{type}[{string.Join(',', shape.ToArray())}]{Convert.ToHexString(SHA256.HashData(bytes))}";
        if (constants.TryGetValue(key, out var known)) return known;
        var tensor = new TensorProto { Name = string.Create(CultureInfo.InvariantCulture, $"constant_{constants.Count}"), DataType = (int)type, RawData = ByteString.CopyFrom(bytes) };
        foreach (var size in shape) tensor.Dims.Add(size);
        return constants[key] = Initializer(tensor);
    }

    /// <summary>A list of whole numbers.</summary>
    public string List(params ReadOnlySpan<long> values) => Constant(ElementType.Int64, [values.Length], values);

    /// <summary>A whole number.</summary>
    public string Number(long value) => Constant(ElementType.Int64, [], [value]);

    /// <summary>A 32-bit float.</summary>
    public string Number(double value) => Constant(ElementType.Float, [], [(float)value]);

    public string Add(string a, string b) => Call("Add", a, b);
    public string Subtract(string a, string b) => Call("Sub", a, b);
    public string Multiply(string a, string b) => Call("Mul", a, b);
    public string Multiply(string a, double b) => Multiply(a, Number(b));

    public string Cast(string x, ElementType type) => Call("Cast", [x], Whole("to", (long)type));
    public string Concat(long axis, params ReadOnlySpan<string> parts) => Call("Concat", [.. parts], Whole("axis", axis));
    public string Gather(string table, string indices, long axis = 0) => Call("Gather", [table, indices], Whole("axis", axis));
    public string Transpose(string x, params ReadOnlySpan<long> order) => Call("Transpose", [x], Wholes("perm", order));
    public string Unsqueeze(string x, params ReadOnlySpan<long> axes) => Call("Unsqueeze", x, List(axes));

    /// <summary>A reshaped tensor: 0 keeps the size at that position, and -1 infers it.</summary>
    public string Reshape(string x, params ReadOnlySpan<long> shape) => Call("Reshape", x, List(shape));

    public string[] Split(string x, long axis, params ReadOnlySpan<long> sizes) => CallMany("Split", sizes.Length, [x, List(sizes)], Whole("axis", axis));

    /// <summary>A part along one axis, from a position up to another.</summary>
    public string Slice(string x, long axis, long from, long until) => Call("Slice", x, List(from), List(until), List(axis));

    /// <summary>The size of an axis, a whole number that is known only at run time.</summary>
    public string SizeOf(string x, long axis) => Gather(Call("Shape", x), Number(axis));

    /// <summary>The whole numbers from one up to another, [count].</summary>
    public string Range(string from, string until) => Call("Range", from, until, Number(1));

    /// <summary>The finished model, with the numbers of all weights that are not in a separate file.</summary>
    public ModelProto ToModel()
    {
        foreach (var tensor in graph.Initializer) weights.Fill(tensor);
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = published.GetValueOrDefault(node.Input[i], node.Input[i]);
            for (var i = 0; i < node.Output.Count; i++) node.Output[i] = published.GetValueOrDefault(node.Output[i], node.Output[i]);
        }
        var model = new ModelProto { IrVersion = FormatVersion, ProducerName = "transformer", ProducerVersion = typeof(OnnxGraph).Assembly.GetName().Version!.ToString(3), Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        return model;
    }
}
