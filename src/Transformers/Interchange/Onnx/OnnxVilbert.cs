using Transformers.Layers;
using Transformers.Models;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>The graph of ViLBERT, <see cref="Vilbert"/>.</summary>
/// <remarks>The heads that predict masked tokens and regions are left out: only training uses them.</remarks>
static class OnnxVilbert
{
    /// <summary>
    /// The graph: a text, <c>input_ids</c> and <c>attention_mask</c> [B, T], and an image, <c>pixel_values</c> [B, C, Y, X] or
    /// <c>region_features</c> [B, R, C] with <c>region_boxes</c> [B, R, 5] and <c>region_mask</c> [B, R], to <c>logits</c> of the answers
    /// [B, N], <c>match_logits</c> [B, 2], the <c>joint</c> vector [B, J] from which both are computed, and the outputs of both streams.
    /// </summary>
    /// <remarks>A region is hidden, as in training, where <c>hidden_regions</c> [B, R] is 1; for a text without an image, all are. By default none is.</remarks>
    public static OnnxGraph Build(VilbertConfig config, PairShape shape, OnnxWeights weights)
    {
        weights.LeaveOut("token_head.", "region_head.", "region_out.");
        var graph = new OnnxGraph("vilbert", weights);
        var post = config.Norm.Placement == NormPlacement.Post;
        var ids = graph.Input("input_ids", ElementType.Int64, "batch", "text");
        var text = new Stream("text", config.Text, graph.Padding(graph.Input("attention_mask", ElementType.Int64, "batch", "text")));
        var t = graph.Add(graph.Embedding("tok_emb.weight", ids), graph.Embedding("pos_emb.weight", graph.Range(graph.Number(0L), graph.SizeOf(ids, 1))));
        if (post) t = graph.Norm(t, config.Norm, "text_norm");                                                     // [B, T, D]
        for (var layer = 0; layer < config.Text.Layers; layer++) t = Within(graph, t, text, config.Norm, $"text_blocks.{layer}");

        var (v, padding) = config.Patch is { } patch ? (Pixels(graph, config, shape, patch), null) : Regions(graph, config, shape);
        var image = new Stream("image", config.Image, padding);
        if (post) v = graph.Norm(v, config.Norm, "image_norm");                                                    // [B, 1 + R, D']
        for (var layer = 0; layer < config.Image.Layers; layer++) v = Within(graph, v, image, config.Norm, $"image_blocks.{layer}");

        for (var layer = 0; layer < config.CoLayers; layer++) (t, v) = Meet(graph, t, v, text, image, config.Norm, $"co_blocks.{layer}");
        graph.Scope = "head";
        if (!post) (t, v) = (graph.Norm(t, config.Norm, "text_norm"), graph.Norm(v, config.Norm, "image_norm"));
        var joint = graph.Multiply(Pool(graph, t, "text_pool"), Pool(graph, v, "image_pool"));                     // [B, J]
        if (shape.Answers > 0)
            graph.Output("logits", graph.Linear(graph.Norm(graph.Gelu(graph.Linear(joint, "head.up")), config.Norm, "head.norm"), "head.down"), "batch", shape.Answers);
        graph.Output("match_logits", graph.Linear(joint, "match"), "batch", 2);
        graph.Output("joint", joint, "batch", config.Width);
        graph.Output("text_hidden_state", t, "batch", "text", config.Text.Width);
        graph.Output("image_hidden_state", v, "batch", config.Patch is { } side ? 1 + (long)(shape.Size / side) * (shape.Size / side) : (OnnxSize)"regions_and_image", config.Image.Width);
        return graph;
    }

    // One of the streams. Padding is the term that is added to the scores of its positions; null without padding.
    sealed record Stream(string Name, StreamConfig Config, string? Padding)
    {
        public AttentionHeads Heads => AttentionHeads.Of(Config.Width, Config.Heads);

        public string Hide(OnnxGraph graph, string scores) => Padding is null ? scores : graph.Add(scores, Padding);
    }

    static string Pixels(OnnxGraph graph, VilbertConfig config, PairShape shape, int patch)
    {
        var (side, width) = (shape.Size / patch, config.Image.Width);
        var pixels = graph.Input("pixel_values", ElementType.Float, "batch", shape.Channels, shape.Size, shape.Size);
        var x = Hidden(graph, OnnxImages.Patches(graph, pixels, shape.Channels, side, patch));
        var whole = graph.Add(graph.Call("ReduceMean", [x], OnnxGraph.Wholes("axes", 1)), graph.Plain("img_token"));   // [B, 1, D']
        return graph.Concat(1, whole, OnnxImages.Positions(graph, x, config.Positions, "patch_positions.weight", side, side, width));
    }

    static (string Values, string? Padding) Regions(OnnxGraph graph, VilbertConfig config, PairShape shape)
    {
        graph.Scope = "region_emb";
        var features = graph.Input("region_features", ElementType.Float, "batch", "regions", shape.Channels);
        var boxes = graph.Input("region_boxes", ElementType.Float, "batch", "regions", 5);
        var mask = graph.Input("region_mask", ElementType.Int64, "batch", "regions");
        var x = Hidden(graph, graph.Linear(features, "region_emb"));
        // The mean excludes padding.
        var seen = graph.Cast(mask, ElementType.Float);                                                            // [B, R]
        var weights = graph.Call("Div", seen, graph.Call("ReduceSum", [seen, graph.List(1)], OnnxGraph.Whole("keepdims", 1)));
        var whole = graph.Add(graph.Call("MatMul", graph.Unsqueeze(weights, 1), x), graph.Plain("img_token"));     // [B, 1, D']
        x = graph.Concat(1, whole, graph.Add(x, graph.Linear(boxes, "box_emb")));
        // The token for the whole image is never padding.
        return (x, graph.Padding(graph.Call("Pad", mask, graph.List(0, 1, 0, 0), graph.Number(1L))));
    }

    // A hidden region has the learned vector instead of its own. The sizes have separate names, since both are 1 if the input is left out.
    static string Hidden(OnnxGraph graph, string x)
    {
        var hidden = graph.OptionalInput("hidden_regions", 0, "hidden_batch", "hidden_count");
        return graph.Add(x, graph.Multiply(graph.Unsqueeze(hidden, -1), graph.Subtract(graph.Plain("mask_token"), x)));
    }

    // A layer in which the streams attend to each other, then each within itself.
    static (string Text, string Image) Meet(OnnxGraph graph, string t, string v, Stream text, Stream image, NormConfig norm, string block)
    {
        var pre = norm.Placement == NormPlacement.Pre;
        var (fromText, fromImage) = pre ? (graph.Norm(t, norm, block + ".text_source_norm"), graph.Norm(v, norm, block + ".image_source_norm")) : (t, v);
        t = Attend(t, text, 1, fromImage, image);
        v = Attend(v, image, 2, fromText, text);
        t = graph.Residual(t, norm, block, 3, h => graph.FeedForward(h, text.Config.FeedForward, block + ".text_mlp"));
        v = graph.Residual(v, norm, block, 4, h => graph.FeedForward(h, image.Config.FeedForward, block + ".image_mlp"));
        return (Within(graph, t, text, norm, block + ".text"), Within(graph, v, image, norm, block + ".image"));

        string Attend(string x, Stream own, int number, string source, Stream other)
        {
            var name = $"{block}.{own.Name}_attn";
            return graph.Residual(x, norm, block, number, h => graph.CrossAttention(h, graph.KeysAndValues(source, name, name, own.Heads), name, own.Heads, scores => other.Hide(graph, scores)));
        }
    }

    // A layer within one stream.
    static string Within(OnnxGraph graph, string x, Stream stream, NormConfig norm, string block) =>
        graph.Block(x, norm, stream.Config.FeedForward, block, h => graph.SelfAttention(h, block + ".attn", stream.Heads, scores => stream.Hide(graph, scores)));

    // max(0, ·) of a linear layer over a stream's first vector, [B, J].
    static string Pool(OnnxGraph graph, string x, string name) => graph.Call("Relu", graph.Linear(graph.Gather(x, graph.Number(0L), axis: 1), name));
}
