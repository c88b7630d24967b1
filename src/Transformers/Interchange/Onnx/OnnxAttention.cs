using Transformers.Layers;
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

/// <summary>How a graph encodes the position of tokens: the counterpart of <see cref="Positions"/>, for lengths that are known only at run time.</summary>
/// <param name="config">The kind and its numbers.</param>
/// <param name="name">The module's name in a checkpoint.</param>
/// <param name="width">The model's width D.</param>
/// <param name="heads">The number of heads H.</param>
/// <param name="context">The maximum number of positions.</param>
sealed class OnnxPositions(PositionsConfig config, string name, int width, int heads, int context)
{
    /// <summary>Adds positions to embeddings.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="positions">[T], whole numbers.</param>
    /// <returns>[B, T, D].</returns>
    public string Embed(OnnxGraph graph, string x, string positions)
    {
        graph.Scope = name;
        switch (config)
        {
            case LearnedPositionsConfig: return graph.Add(x, graph.Embedding(name + ".weight", positions));
            case SinusoidalPositionsConfig sinusoidal:
                var frequencies = Frequencies(width, sinusoidal.Base);
                // A cosine is the sine a quarter period ahead, so one node computes both.
                double[] each = [.. frequencies.SelectMany(frequency => new[] { frequency, frequency })];
                return graph.Add(x, Sines(graph, positions, each, [.. each.Select((_, i) => i % 2 == 0 ? 0 : Math.PI / 2)]));
            case RotaryPositionsConfig or AlibiPositionsConfig or RelativePositionsConfig or NoPositionsConfig: return x;
            default: throw OnnxLayers.Refused("positions", config);
        }
    }

    /// <summary>The rotation of queries or keys, [B, H, T, E]; null for none.</summary>
    /// <param name="positions">[T], whole numbers.</param>
    public Func<string, string>? Rotation(OnnxGraph graph, string positions)
    {
        if (config is not RotaryPositionsConfig rotary) return null;
        graph.Scope = name;
        var frequencies = Frequencies(width / heads, rotary.Base);
        double[] each = [.. frequencies, .. frequencies];
        var (cosines, sines) = (Sines(graph, positions, each, [.. each.Select(_ => Math.PI / 2)]), Sines(graph, positions, each, new double[each.Length]));
        return x =>
        {
            var halves = graph.Split(x, -1, frequencies.Length, frequencies.Length);
            var turned = graph.Concat(-1, graph.Call("Neg", halves[1]), halves[0]);
            return graph.Add(graph.Multiply(x, cosines), graph.Multiply(turned, sines));
        };
    }

    /// <summary>The bias that is added to scores; null for none.</summary>
    /// <param name="queries">Positions of queries, [T], whole numbers.</param>
    /// <param name="keys">Positions of keys, [S], whole numbers.</param>
    /// <param name="causal">Whether a query attends only to keys up to its own position.</param>
    /// <returns>[T, S] or [H, T, S], or null.</returns>
    public string? Bias(OnnxGraph graph, string queries, string keys, bool causal)
    {
        graph.Scope = name;
        if (!causal && config is not (AlibiPositionsConfig or RelativePositionsConfig)) return null;
        var distances = graph.Subtract(graph.Unsqueeze(keys, 0), graph.Unsqueeze(queries, 1));                     // [T, S]
        var bias = config switch
        {
            AlibiPositionsConfig => graph.Multiply(graph.Cast(graph.Call("Abs", distances), ElementType.Float),
                graph.Constant(ElementType.Float, [heads, 1, 1], Array.ConvertAll(AlibiPositionBias.Slopes(heads), slope => -slope))),
            RelativePositionsConfig relative => Relative(graph, relative, distances, causal),
            _ => null,
        };
        if (!causal) return bias;
        var future = graph.Call("Where", graph.Call("Greater", distances, graph.Number(0L)), graph.Number(OnnxLayers.Hidden), graph.Number(0.0));
        return bias is null ? future : graph.Add(bias, future);
    }

    // All distances beyond the last bucket's, or beyond the context, are treated alike.
    string Relative(OnnxGraph graph, RelativePositionsConfig relative, string distances, bool causal)
    {
        var most = Math.Min(relative.MaxDistance, context);
        using var positions = new RelativePositionBias(heads, relative.Buckets, relative.MaxDistance);
        long[] buckets = [.. Enumerable.Range(-most, 2 * most + 1).Select(distance => (long)positions.BucketOf(distance, bidirectional: !causal))];
        var near = graph.Call("Clip", distances, graph.Number(-(long)most), graph.Number((long)most));
        var bucket = graph.Gather(graph.List(buckets), graph.Add(near, graph.Number((long)most)));                 // [T, S]
        return graph.Transpose(graph.Gather(graph.Plain(name + ".table"), bucket), 2, 0, 1);                       // [H, T, S]
    }

    static double[] Frequencies(int width, double @base) => [.. Enumerable.Range(0, width / 2).Select(i => Math.Pow(@base, -2.0 * i / width))];

    // sin(position · frequency + phase), [T, width], in 64 bits: a large position times a small frequency would lose digits in 32.
    static string Sines(OnnxGraph graph, string positions, double[] frequencies, double[] phases)
    {
        var angles = graph.Multiply(graph.Unsqueeze(graph.Cast(positions, ElementType.Double), 1), graph.Constant(ElementType.Double, [frequencies.Length], frequencies));
        return graph.Cast(graph.Call("Sin", graph.Add(angles, graph.Constant(ElementType.Double, [phases.Length], phases))), ElementType.Float);
    }
}
