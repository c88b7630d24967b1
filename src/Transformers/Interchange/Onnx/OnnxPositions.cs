using Transformers.Layers;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>How a graph encodes the position of tokens: the counterpart of <see cref="Positions"/>, for lengths that are known only at run time.</summary>
/// <param name="config">The kind and its numbers.</param>
/// <param name="name">The module's name in a checkpoint.</param>
/// <param name="width">The model's width D.</param>
/// <param name="heads">The number of heads H.</param>
/// <param name="context">The maximum number of positions.</param>
sealed class OnnxPositions(PositionsConfig config, string name, int width, int heads, int context)
{
    /// <summary>Adds positions to embeddings.</summary>
    /// <param name="graph">The graph.</param>
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
    /// <param name="graph">The graph.</param>
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
    /// <param name="graph">The graph.</param>
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
