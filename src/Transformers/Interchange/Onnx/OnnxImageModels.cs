using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>The parts that graphs of image models share: <c>pixel_values</c> [B, C, Y, X], normalised, to <c>logits</c> [B, N].</summary>
static class OnnxImages
{
    /// <summary>Declares the images as an input.</summary>
    public static string Pixels(OnnxGraph graph, ImageShape shape) => graph.Input("pixel_values", ElementType.Float, "batch", shape.Channels, shape.Size, shape.Size);

    /// <summary>Cuts images into squares and projects each to a vector.</summary>
    /// <param name="pixels">[B, C, Y·P, X·P].</param>
    /// <returns>[B, Y·X, D].</returns>
    public static string Patches(OnnxGraph graph, string pixels, int channels, int side, int patch)
    {
        graph.Scope = "patch_emb";
        var cut = graph.Transpose(graph.Reshape(pixels, 0, channels, side, patch, side, patch), 0, 2, 4, 1, 3, 5);
        return graph.Linear(graph.Reshape(cut, 0, side * side, channels * patch * patch), "patch_emb");
    }

    /// <summary>Adds positions to patches.</summary>
    /// <param name="x">[B, Y·X, D].</param>
    /// <param name="name">The name of the table in a checkpoint, if positions are learned.</param>
    /// <returns>[B, Y·X, D].</returns>
    public static string Positions(OnnxGraph graph, string x, ImagePositionsConfig config, string name, int rows, int columns, int width) => config switch
    {
        LearnedImagePositionsConfig => graph.Add(x, graph.Reshape(graph.Plain(name), rows * columns, width)),
        SinusoidalImagePositionsConfig sinusoidal => graph.Add(x, Table(graph, rows, columns, width, sinusoidal)),
        NoImagePositionsConfig => x,
        _ => throw OnnxLayers.Refused("positions", config),
    };

    static string Table(OnnxGraph graph, int rows, int columns, int width, SinusoidalImagePositionsConfig positions)
    {
        using var scope = NewDisposeScope();
        var table = SinusoidalGrid.Table(rows, columns, width, positions.Base, positions.Scale).to(ScalarType.Float32).contiguous();
        return graph.Constant<float>(ElementType.Float, [rows * columns, width], table.data<float>().ToArray());
    }

    /// <summary>The class token, if the model has one, the blocks, and the head.</summary>
    /// <param name="x">[B, Y·X, D].</param>
    /// <returns>[B, N].</returns>
    public static string Classify(OnnxGraph graph, string x, AttentionHeads heads, int layers, NormConfig norm, FeedForwardConfig feedForward, ImagePooling pool)
    {
        if (pool == ImagePooling.Cls) x = graph.Concat(1, ClassToken(graph, x, heads.Query * heads.Width), x);    // [B, 1 + Y·X, D]
        for (var layer = 0; layer < layers; layer++)
        {
            var block = $"blocks.{layer}";
            x = graph.Block(x, norm, feedForward, block, h => graph.SelfAttention(h, block + ".attn", heads, scores => scores));
        }
        graph.Scope = "head";
        if (norm.Placement == NormPlacement.Pre) x = graph.Norm(x, norm, "norm");
        x = pool == ImagePooling.Cls ? graph.Gather(x, graph.Number(0L), axis: 1)
            : graph.Call("ReduceMean", [x], OnnxGraph.Wholes("axes", 1), OnnxGraph.Whole("keepdims", 0));         // [B, D]
        return graph.Linear(x, "head");
    }

    // The class token of every image, [B, 1, D].
    static string ClassToken(OnnxGraph graph, string x, int width)
    {
        var token = graph.Plain("cls_token");
        if (graph.Weights.Has("pos_emb.cls")) token = graph.Add(token, graph.Plain("pos_emb.cls"));
        return graph.Call("Expand", token, graph.Concat(0, graph.Unsqueeze(graph.SizeOf(x, 0), 0), graph.List(1, width)));
    }
}

/// <summary>The graph of a vision transformer, <see cref="Vit"/>, for images of the run's size.</summary>
static class OnnxVit
{
    /// <summary>The graph.</summary>
    public static OnnxGraph Build(VitConfig config, ImageShape shape, OnnxWeights weights)
    {
        var graph = new OnnxGraph("vit", weights);
        var side = shape.Size / config.Patch;
        var x = OnnxImages.Patches(graph, OnnxImages.Pixels(graph, shape), shape.Channels, side, config.Patch);   // [B, Y·X, D]
        x = OnnxImages.Positions(graph, x, config.Positions, "pos_emb.weight", side, side, config.Width);
        graph.Output("logits", OnnxImages.Classify(graph, x, AttentionHeads.Of(config.Width, config.Heads), config.Layers, config.Norm, config.FeedForward, config.Pool), "batch", shape.Classes);
        return graph;
    }
}

/// <summary>The graph of a transformer over spectrograms, <see cref="Ast"/>: <c>input_values</c> [B, T, M], normalised, to <c>logits</c> [B, N].</summary>
/// <remarks>A recording becomes a spectrogram outside the graph, as in <see cref="LogMel"/>: few runtimes have an operator for its Fourier transform.</remarks>
static class OnnxAst
{
    /// <summary>The graph.</summary>
    public static OnnxGraph Build(AstConfig config, SoundShape shape, OnnxWeights weights)
    {
        var graph = new OnnxGraph("ast", weights);
        var ((Y, X), P) = (config.GridOf(shape), config.Patch);
        var values = graph.Input("input_values", ElementType.Float, "batch", shape.Frames, shape.Mels);
        graph.Scope = "patch_emb";
        // Patches may overlap: their bands, then their frames.
        var cut = graph.Gather(graph.Gather(values, Indices(Y), axis: 2), Indices(X), axis: 1);                     // [B, X, P, Y, P]
        cut = graph.Reshape(graph.Transpose(cut, 0, 3, 1, 4, 2), 0, Y * X, P * P);
        var x = OnnxImages.Positions(graph, graph.Linear(cut, "patch_emb"), config.Positions, "pos_emb.weight", Y, X, config.Width);
        graph.Output("logits", OnnxImages.Classify(graph, x, AttentionHeads.Of(config.Width, config.Heads), config.Layers, config.Norm, config.FeedForward, config.Pool), "batch", shape.Classes);
        return graph;

        string Indices(int count) =>
            graph.Constant<long>(ElementType.Int64, [count, P], [.. Enumerable.Range(0, count * P).Select(i => (long)(i / P * (config.Stride ?? P) + i % P))]);
    }
}

/// <summary>The graph of a Swin transformer, <see cref="Swin"/>, for images of the run's size, which determines the windows.</summary>
static class OnnxSwin
{
    /// <summary>The graph.</summary>
    public static OnnxGraph Build(SwinConfig config, ImageShape shape, OnnxWeights weights)
    {
        var graph = new OnnxGraph("swin", weights);
        var side = (shape.Size + config.Patch - 1) / config.Patch;
        var pixels = Pad(graph, OnnxImages.Pixels(graph, shape), rowAxis: 2, side * config.Patch - shape.Size);
        var x = OnnxImages.Patches(graph, pixels, shape.Channels, side, config.Patch);
        x = graph.Reshape(graph.Norm(x, config.Norm, "patch_norm"), 0, side, side, config.Width);                 // [B, Y, X, D]
        var block = 0;
        for (var stage = 0; stage < config.Layers.Count; stage++)
        {
            if (stage > 0)
            {
                x = Merge(graph, x, config, stage - 1, side);
                side = (side + 1) / 2;
            }
            for (var layer = 0; layer < config.Layers[stage]; layer++)
                x = Block(graph, x, config, $"blocks.{block++}", stage, Windows.Of(side, side, config.Window, shifted: layer % 2 == 1));
        }
        graph.Scope = "head";
        x = graph.Call("ReduceMean", [graph.Norm(x, config.Norm, "norm")], OnnxGraph.Wholes("axes", 1, 2), OnnxGraph.Whole("keepdims", 0));
        graph.Output("logits", graph.Linear(x, "head"), "batch", shape.Classes);
        return graph;
    }

    static string Block(OnnxGraph graph, string x, SwinConfig config, string name, int stage, Windows windows)
    {
        var (width, heads) = (config.WidthAt(stage), AttentionHeads.Of(config.WidthAt(stage), config.Heads[stage]));
        graph.Scope = name + ".pos_bias";
        var (G, T, H) = (windows.Count, windows.Positions, heads.Query);
        var offsets = graph.Gather(graph.Plain(name + ".pos_bias.table"), graph.List(WindowPositionBias.Offsets(windows.Height, windows.Width, config.Window)));
        var bias = graph.Reshape(graph.Transpose(offsets, 1, 0), H, T, T);
        var hidden = Mask(graph, windows, config.Padding);
        return graph.Block(x, config.Norm, config.FeedForward, name, h => Join(graph, graph.SelfAttention(Cut(graph, h, windows, width), name + ".attn", heads, Hide), windows, width));

        string Hide(string scores)
        {
            scores = graph.Add(scores, bias);                                                                     // [B·G, H, T, T]
            return hidden is null ? scores : graph.Reshape(graph.Add(graph.Reshape(scores, -1, G, H, T, T), hidden), -1, H, T, T);
        }
    }

    // [G, 1, T, T]; null if every position of a window is visible.
    static string? Mask(OnnxGraph graph, Windows windows, WindowPadding padding)
    {
        using var scope = NewDisposeScope();
        if (windows.Mask(padding) is not { } mask) return null;
        bool[] hidden = [.. mask.data<float>().Select(value => value != 0)];
        return graph.Call("Where", graph.Constant<bool>(ElementType.Bool, [windows.Count, 1, windows.Positions, windows.Positions], hidden), graph.Number(OnnxLayers.Hidden), graph.Number(0.0));
    }

    // [B, Y, X, D] to [B·G, T, D]
    static string Cut(OnnxGraph graph, string x, Windows windows, int width)
    {
        x = Pad(graph, x, rowAxis: 1, windows.Down * windows.Height - windows.Rows, windows.Across * windows.Width - windows.Columns);
        x = Roll(graph, Roll(graph, x, 1, windows.ShiftRows), 2, windows.ShiftColumns);
        x = graph.Reshape(x, 0, windows.Down, windows.Height, windows.Across, windows.Width, width);
        return graph.Reshape(graph.Transpose(x, 0, 1, 3, 2, 4, 5), -1, windows.Positions, width);
    }

    // [B·G, T, D] to [B, Y, X, D]
    static string Join(OnnxGraph graph, string x, Windows windows, int width)
    {
        var (height, across) = (windows.Down * windows.Height, windows.Across * windows.Width);
        x = graph.Transpose(graph.Reshape(x, -1, windows.Down, windows.Across, windows.Height, windows.Width, width), 0, 1, 3, 2, 4, 5);
        x = graph.Reshape(x, 0, height, across, width);
        if (windows.ShiftRows > 0) x = Roll(graph, x, 1, height - windows.ShiftRows);
        if (windows.ShiftColumns > 0) x = Roll(graph, x, 2, across - windows.ShiftColumns);
        return windows.Padded ? graph.Slice(graph.Slice(x, 1, 0, windows.Rows), 2, 0, windows.Columns) : x;
    }

    // Rotates an axis: moves its first elements to its end.
    static string Roll(OnnxGraph graph, string x, long axis, long first) =>
        first == 0 ? x : graph.Concat(axis, graph.Slice(x, axis, first, long.MaxValue), graph.Slice(x, axis, 0, first));

    // Four neighbours become one patch: top left, bottom left, top right, bottom right.
    static string Merge(OnnxGraph graph, string x, SwinConfig config, int stage, int side)
    {
        var (name, width, half) = ($"merges.{stage}", config.WidthAt(stage), (side + 1) / 2);
        graph.Scope = name;
        x = graph.Reshape(Pad(graph, x, rowAxis: 1, side % 2), 0, half, 2, half, 2, width);
        x = graph.Reshape(graph.Transpose(x, 0, 1, 3, 4, 2, 5), 0, half, half, 4 * width);
        return graph.Linear(graph.Norm(x, config.Norm, name + ".norm"), name + ".reduction");
    }

    static string Pad(OnnxGraph graph, string x, int rowAxis, long both) => Pad(graph, x, rowAxis, both, both);

    // Zeros at the bottom and at the right of a tensor with four axes.
    static string Pad(OnnxGraph graph, string x, int rowAxis, long down, long right)
    {
        if (down + right == 0) return x;
        var widths = new long[8];
        (widths[4 + rowAxis], widths[4 + rowAxis + 1]) = (down, right);
        return graph.Call("Pad", x, graph.List(widths));
    }
}

/// <summary>The graph of a residual network, <see cref="Resnet"/>, for images of any even size.</summary>
static class OnnxResnet
{
    /// <summary>The graph.</summary>
    public static OnnxGraph Build(ResnetConfig config, ImageShape shape, OnnxWeights weights)
    {
        var graph = new OnnxGraph("resnet", weights);
        var x = Convolve(graph, OnnxImages.Pixels(graph, shape), "stem", "stem_norm", stride: 1, rectify: true);       // [B, C, Y, X]
        var block = 0;
        for (var stage = 0; stage < config.Layers.Count; stage++)
            for (var layer = 0; layer < config.Layers[stage]; layer++)
            {
                var begins = stage > 0 && layer == 0;
                x = Block(graph, x, $"blocks.{block++}", begins ? 2 : 1, begins ? config.WidthAt(stage) - config.WidthAt(stage - 1) : 0);
            }
        graph.Scope = "head";
        x = graph.Call("ReduceMean", [x], OnnxGraph.Wholes("axes", 2, 3), OnnxGraph.Whole("keepdims", 0));             // [B, D]
        graph.Output("logits", graph.Linear(x, "head"), "batch", shape.Classes);
        return graph;
    }

    static string Block(OnnxGraph graph, string x, string name, int stride, int added)
    {
        var h = Convolve(graph, x, name + ".conv1", name + ".norm1", stride, rectify: true);
        h = Convolve(graph, h, name + ".conv2", name + ".norm2", stride: 1, rectify: false);
        graph.Scope = name;
        if (stride > 1) x = graph.Call("Slice", x, graph.List(0, 0), graph.List(int.MaxValue, int.MaxValue), graph.List(2, 3), graph.List(stride, stride));
        if (added > 0) x = graph.Call("Pad", x, graph.List(0, 0, 0, 0, 0, added, 0, 0));
        return graph.Call("Relu", graph.Add(h, x));
    }

    static string Convolve(OnnxGraph graph, string x, string name, string norm, int stride, bool rectify)
    {
        graph.Scope = name;
        x = graph.Call("Conv", [x, graph.Plain(name + ".weight")], OnnxGraph.Wholes("kernel_shape", 3, 3), OnnxGraph.Wholes("pads", 1, 1, 1, 1), OnnxGraph.Wholes("strides", stride, stride));
        x = graph.Call("BatchNormalization", [x, graph.Plain(norm + ".weight"), graph.Plain(norm + ".bias"), graph.Plain(norm + ".mean"), graph.Plain(norm + ".variance")],
            OnnxGraph.Real("epsilon", BatchNorm.Epsilon));
        return rectify ? graph.Call("Relu", x) : x;
    }
}
