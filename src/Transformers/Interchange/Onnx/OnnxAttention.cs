using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>Keys and values of earlier tokens: inputs of a graph, which returns those of all tokens.</summary>
/// <param name="Name">The layer's name within the graph's inputs and outputs.</param>
/// <param name="Keys">[B, K, S, E].</param>
/// <param name="Values">[B, K, S, E].</param>
readonly record struct OnnxCache(string Name, string Keys, string Values)
{
    /// <summary>Declares keys and values of a layer as inputs, <c>past_key_values.0.key</c> and <c>past_key_values.0.value</c>.</summary>
    public static OnnxCache Input(OnnxGraph graph, string layer, AttentionHeads heads, string tokens) =>
        new(layer, graph.Input($"past_key_values.{layer}.key", ElementType.Float, "batch", heads.KeyValue, tokens, heads.Width),
            graph.Input($"past_key_values.{layer}.value", ElementType.Float, "batch", heads.KeyValue, tokens, heads.Width));

    /// <summary>Declares keys and values of a layer as outputs, <c>present.0.key</c> and <c>present.0.value</c>.</summary>
    public void Output(OnnxGraph graph, AttentionHeads heads, string tokens)
    {
        graph.Output($"present.{Name}.key", Keys, "batch", heads.KeyValue, tokens, heads.Width);
        graph.Output($"present.{Name}.value", Values, "batch", heads.KeyValue, tokens, heads.Width);
    }
}

/// <summary>The heads of an attention.</summary>
/// <param name="Query">The number H of query heads.</param>
/// <param name="KeyValue">The number K of key/value heads.</param>
/// <param name="Width">The width E of a head.</param>
readonly record struct AttentionHeads(int Query, int KeyValue, int Width)
{
    /// <summary>Heads that each have their own keys and values.</summary>
    public static AttentionHeads Of(int width, int heads) => new(heads, heads, width / heads);
}

/// <summary>Attention as nodes of a graph.</summary>
static class OnnxAttention
{
    /// <summary>Attends within a sequence.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="name">The layer's name in a checkpoint.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="hide">Adds masks and biases to scores, [B, H, T, S].</param>
    /// <param name="rotate">Rotates queries and keys, [B, H, T, E]; null for none.</param>
    /// <param name="cache">Keys and values of earlier tokens; becomes those of all tokens.</param>
    /// <returns>[B, T, D].</returns>
    public static string SelfAttention(this OnnxGraph graph, string x, string name, AttentionHeads heads, Func<string, string> hide, Func<string, string>? rotate, ref OnnxCache? cache)
    {
        graph.Scope = name;
        var (H, K, E) = heads;
        var parts = graph.Split(graph.Linear(x, name + ".qkv"), -1, H * E, K * E, K * E);
        var (q, k, v) = (graph.Heads(parts[0], H, E), graph.Heads(parts[1], K, E), graph.Heads(parts[2], K, E));
        if (rotate is not null) (q, k) = (rotate(q), rotate(k));
        if (cache is { } earlier)
        {
            (k, v) = (graph.Concat(2, earlier.Keys, k), graph.Concat(2, earlier.Values, v));
            cache = earlier with { Keys = k, Values = v };
        }
        return graph.Attend(q, k, v, name, heads, hide);
    }

    /// <inheritdoc cref="SelfAttention(OnnxGraph, string, string, AttentionHeads, Func{string, string}, Func{string, string}, ref OnnxCache?)"/>
    public static string SelfAttention(this OnnxGraph graph, string x, string name, AttentionHeads heads, Func<string, string> hide, Func<string, string>? rotate = null)
    {
        OnnxCache? none = null;
        return graph.SelfAttention(x, name, heads, hide, rotate, ref none);
    }

    /// <summary>Attends to another sequence.</summary>
    /// <param name="x">The queries' sequence, [B, T, D].</param>
    /// <param name="source">Keys and values of the other sequence.</param>
    /// <param name="name">The layer's name in a checkpoint.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="hide">Masks scores.</param>
    /// <returns>[B, T, D].</returns>
    public static string CrossAttention(this OnnxGraph graph, string x, OnnxCache source, string name, AttentionHeads heads, Func<string, string> hide)
    {
        graph.Scope = name;
        return graph.Attend(graph.Heads(graph.Linear(x, name + ".q"), heads.Query, heads.Width), source.Keys, source.Values, name, heads, hide);
    }

    /// <summary>Keys and values of a sequence that others attend to.</summary>
    /// <param name="memory">[B, S, D].</param>
    /// <param name="name">The layer's name in a checkpoint.</param>
    /// <param name="layer">The layer's name within the graph's outputs.</param>
    /// <param name="heads">The heads.</param>
    public static OnnxCache KeysAndValues(this OnnxGraph graph, string memory, string name, string layer, AttentionHeads heads)
    {
        graph.Scope = name;
        var (_, K, E) = heads;
        var parts = graph.Split(graph.Linear(memory, name + ".kv"), -1, K * E, K * E);
        return new(layer, graph.Heads(parts[0], K, E), graph.Heads(parts[1], K, E));
    }

    /// <summary>Positions of the tokens that are read, and of all tokens with the cache's.</summary>
    /// <param name="ids">[B, T].</param>
    /// <param name="cache">A layer's cache of earlier tokens.</param>
    /// <returns>[T] and [S].</returns>
    public static (string Queries, string Keys) PositionsAfter(this OnnxGraph graph, string ids, OnnxCache cache)
    {
        var past = graph.SizeOf(cache.Keys, 2);
        var total = graph.Add(past, graph.SizeOf(ids, 1));
        return (graph.Range(past, total), graph.Range(graph.Number(0L), total));
    }

    // [B, T, n·E] to [B, n, T, E]
    static string Heads(this OnnxGraph graph, string x, int count, int width) => graph.Transpose(graph.Reshape(x, 0, 0, count, width), 0, 2, 1, 3);

    // softmax(QKᵀ/√E + mask)·V and the output layer. Query heads that share keys are rows of one product.
    static string Attend(this OnnxGraph graph, string q, string k, string v, string name, AttentionHeads heads, Func<string, string> hide)
    {
        var (H, K, E) = heads;
        q = graph.Multiply(q, 1 / Math.Sqrt(E));
        if (K != H) q = graph.Reshape(q, 0, K, -1, E);                                       // [B, K, H/K·T, E]
        var scores = graph.Call("MatMul", q, graph.Transpose(k, 0, 1, 3, 2));
        if (K != H) scores = graph.Reshape(scores, 0, H, -1, 0);                             // [B, H, T, S]
        var weights = graph.Call("Softmax", [hide(scores)], OnnxGraph.Whole("axis", -1));
        if (K != H) weights = graph.Reshape(weights, 0, K, -1, 0);
        var mixed = graph.Call("MatMul", weights, v);
        if (K != H) mixed = graph.Reshape(mixed, 0, H, -1, E);                               // [B, H, T, E]
        return graph.Linear(graph.Reshape(graph.Transpose(mixed, 0, 2, 1, 3), 0, 0, H * E), name + ".proj");
    }
}
