using Transformers.Layers;
using Transformers.Models;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>The graphs of series models, including the normalisation of their input and the calibration of their output.</summary>
/// <remarks>
/// <c>values</c> [B, L] are the original numbers, in 64 bits and in time order; NaN marks a missing one. The
/// graph normalises each row by its own mean and standard deviation, and returns forecasts in the units of the values.
/// </remarks>
static class OnnxSeries
{
    /// <summary>An encoder over patches that forecasts, <see cref="PatchTst"/>: <c>mean</c> [B, H] and <c>quantiles</c> [B, H, Q] in ascending order.</summary>
    public static OnnxGraph Build(PatchTstConfig config, SeriesModel model, OnnxWeights weights)
    {
        var graph = new OnnxGraph("patchtst", weights);
        var window = Window.Read(graph, model.Shape.Context);
        var x = Stack(graph, window, config, "encoder", config.Step, causal: false);                      // [B, N, D]
        return Forecast(graph, graph.Reshape(x, 0, config.PatchesOf(model.Shape.Context) * config.Width), window, model);
    }

    /// <summary>A decoder over patches that forecasts, <see cref="SeriesDecoder"/>: the forecast of its last patch. One pass gives the whole horizon, so there is no cache.</summary>
    public static OnnxGraph Build(SeriesDecoderConfig config, SeriesModel model, OnnxWeights weights)
    {
        var graph = new OnnxGraph("series_decoder", weights);
        var window = Window.Read(graph, model.Shape.Context);
        var x = Stack(graph, window, config, "decoder", config.Patch, causal: true);                               // [B, N, D]
        return Forecast(graph, graph.Gather(x, graph.Number((long)config.PatchesOf(model.Shape.Context) - 1), axis: 1), window, model);
    }

    /// <summary>An encoder over patches that classifies, <see cref="SeriesClassifier"/>: <c>logits</c> [B, N].</summary>
    public static OnnxGraph Build(SeriesClassifierConfig config, int length, int classes, OnnxWeights weights)
    {
        var graph = new OnnxGraph("series_classifier", weights);
        var x = Stack(graph, Window.Read(graph, length), config, "encoder", config.Step, causal: false);
        x = graph.Call("ReduceMean", [x], OnnxGraph.Wholes("axes", 1), OnnxGraph.Whole("keepdims", 0));            // [B, D]
        graph.Output("logits", graph.Linear(x, "head"), "batch", classes);
        return graph;
    }

    // The values of a window, normalised and 0 where they are missing; whether each exists (1 or 0); and the mean and scale of the normalisation.
    readonly record struct Window(string Values, string Observed, string Mean, string Scale, int Steps)
    {
        // In 64 bits, like the program: large numbers that hardly differ would lose their digits in 32.
        public static Window Read(OnnxGraph graph, int steps)
        {
            graph.Scope = "normalize";
            var values = graph.Input("values", ElementType.Double, "batch", steps);
            var (zero, missing) = (Real(graph, 0), graph.Call("IsNaN", values));
            var there = graph.Cast(graph.Call("Not", missing), ElementType.Double);
            var count = graph.Call("Max", Sum(graph, there), Real(graph, 1));                                      // [B, 1]
            var mean = graph.Call("Div", Sum(graph, graph.Call("Where", missing, zero, values)), count);
            var centred = graph.Call("Where", missing, zero, graph.Subtract(values, mean));                        // [B, L]
            var deviation = graph.Call("Sqrt", graph.Call("Div", Sum(graph, graph.Multiply(centred, centred)), count));
            // If all values are equal, the deviation is only rounding, so their magnitude is used instead.
            var size = graph.Call("Abs", mean);
            var flat = graph.Call("LessOrEqual", deviation, graph.Multiply(size, Real(graph, 1e-9)));
            var scale = graph.Call("Where", flat, graph.Call("Where", graph.Call("Equal", mean, zero), Real(graph, 1), size), deviation);
            return new(graph.Cast(graph.Call("Div", centred, scale), ElementType.Float), graph.Cast(there, ElementType.Float), mean, scale, steps);
        }

        // Normalised numbers [B, n] in the units of the values.
        public string Restore(OnnxGraph graph, string x) => graph.Add(graph.Multiply(graph.Cast(x, ElementType.Double), Scale), Mean);

        static string Real(OnnxGraph graph, double value) => graph.Constant<double>(ElementType.Double, [], [value]);

        static string Sum(OnnxGraph graph, string x) => graph.Call("ReduceSum", [x, graph.List(1)], OnnxGraph.Whole("keepdims", 1));
    }

    // A vector for each patch, [B, N, D].
    static string Stack(OnnxGraph graph, Window window, SeriesModelConfig config, string name, int stride, bool causal)
    {
        graph.Scope = name + ".patch_emb";
        var (P, N) = (config.Patch, (window.Steps - config.Patch) / stride + 1);
        var steps = graph.Constant<long>(ElementType.Int64, [N, P], [.. Enumerable.Range(0, N * P).Select(i => (long)(i / P * stride + i % P))]);
        var cut = graph.Concat(-1, graph.Gather(window.Values, steps, axis: 1), graph.Gather(window.Observed, steps, axis: 1));   // [B, N, 2P]
        var all = graph.List([.. Enumerable.Range(0, N).Select(patch => (long)patch)]);
        var positions = new OnnxPositions(config.Positions, name + ".pos_emb", config.Width, config.Heads, N);
        var x = positions.Embed(graph, graph.Linear(cut, name + ".patch_emb"), all);
        var (bias, rotate, heads) = (positions.Bias(graph, all, all, causal), positions.Rotation(graph, all), AttentionHeads.Of(config.Width, config.Heads));
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var block = $"{name}.blocks.{layer}";
            x = graph.Block(x, config.Norm, config.FeedForward, block, h => graph.SelfAttention(h, block + ".attn", heads, scores => bias is null ? scores : graph.Add(scores, bias), rotate));
        }
        graph.Scope = "head";
        return config.Norm.Placement == NormPlacement.Pre ? graph.Norm(x, config.Norm, name + ".norm") : x;
    }

    // The forecast from one vector of a window, in the units of its values.
    static OnnxGraph Forecast(OnnxGraph graph, string hidden, Window window, SeriesModel model)
    {
        var (H, Q) = (model.Shape.Horizon, model.Quantiles.Count);
        var output = graph.Reshape(graph.Linear(hidden, "head"), 0, H, 1 + Q);                                     // [B, H, 1 + Q]
        if (model.BaselineSteps is { } steps)
            output = graph.Add(output, graph.Unsqueeze(graph.Gather(window.Values, graph.List([.. steps.Select(step => (long)step)]), axis: 1), 2));
        graph.Output("mean", window.Restore(graph, graph.Gather(output, graph.Number(0L), axis: 2)), ElementType.Double, "batch", H);
        // Predicted quantiles may cross; sorting them never makes them worse (Chernozhukov et al. 2010).
        var quantiles = Sorted(graph.Slice(output, 2, 1, 1 + Q));
        // Calibration moves each quantile of each step, [H, Q].
        if (graph.Weights.Has("calibration")) quantiles = Sorted(graph.Add(quantiles, graph.Plain("calibration")));
        graph.Output("quantiles", graph.Reshape(window.Restore(graph, graph.Reshape(quantiles, 0, H * Q)), 0, H, Q), ElementType.Double, "batch", H, Q);
        return graph;

        string Sorted(string x) => graph.CallMany("TopK", 2, [x, graph.List(Q)], OnnxGraph.Whole("axis", -1), OnnxGraph.Whole("largest", 0), OnnxGraph.Whole("sorted", 1))[0];
    }
}
