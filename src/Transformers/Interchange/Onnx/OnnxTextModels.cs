using Transformers.Layers;
using Transformers.Models;
using ElementType = Transformers.Interchange.Onnx.TensorProto.Types.DataType;

namespace Transformers.Interchange.Onnx;

/// <summary>The graph of a decoder-only model, <see cref="Gpt"/>: one for prompts and for single tokens.</summary>
static class OnnxGpt
{
    /// <summary>The graph: <c>input_ids</c> [B, T] with the cache of earlier tokens, which may be empty, to <c>logits</c> [B, T, V] with the cache of all.</summary>
    public static OnnxGraph Build(GptConfig config, int vocabulary, OnnxWeights weights)
    {
        var graph = new OnnxGraph("gpt", weights);
        var heads = new AttentionHeads(config.Heads, config.KeyValueHeads ?? config.Heads, config.Width / config.Heads);
        var ids = graph.Input("input_ids", ElementType.Int64, "batch", "sequence");
        OnnxCache?[] caches = [.. Enumerable.Range(0, config.Layers).Select(layer => OnnxCache.Input(graph, $"{layer}", heads, "past"))];
        var (queries, keys) = graph.PositionsAfter(ids, caches[0]!.Value);

        var positions = new OnnxPositions(config.Positions, "pos_emb", config.Width, config.Heads, config.Context);
        var x = positions.Embed(graph, graph.Embedding("tok_emb.weight", ids), queries);
        var bias = positions.Bias(graph, queries, keys, causal: true)!;
        var rotate = positions.Rotation(graph, queries);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var block = $"blocks.{layer}";
            x = graph.Block(x, config.Norm, config.FeedForward, block, h => graph.SelfAttention(h, block + ".attn", heads, scores => graph.Add(scores, bias), rotate, ref caches[layer]));
        }
        graph.Scope = "head";
        if (config.Norm.Placement == NormPlacement.Pre) x = graph.Norm(x, config.Norm, "norm");
        graph.Output("logits", config.TieEmbeddings ? graph.TiedOutput(x, "tok_emb.weight") : graph.Linear(x, "head"), "batch", "sequence", vocabulary);
        foreach (var cache in caches) cache!.Value.Output(graph, heads, "total");
        return graph;
    }
}

/// <summary>The graph of an encoder with its head, <see cref="EncoderModel"/>.</summary>
static class OnnxEncoder
{
    /// <summary>
    /// The graph: <c>input_ids</c> and <c>attention_mask</c> [B, S] to <c>last_hidden_state</c> [B, S, D] and <c>logits</c>: [B, S, V] of
    /// a head that predicts tokens, [B, N] of one that classifies.
    /// </summary>
    public static OnnxGraph Build(EncoderConfig config, int vocabulary, int classes, OnnxWeights weights)
    {
        var graph = new OnnxGraph("encoder", weights);
        var ids = graph.Input("input_ids", ElementType.Int64, "batch", "sequence");
        var mask = graph.Input("attention_mask", ElementType.Int64, "batch", "sequence");
        var pre = config.Norm.Placement == NormPlacement.Pre;
        var all = graph.Range(graph.Number(0L), graph.SizeOf(ids, 1));

        var positions = new OnnxPositions(config.Positions, "encoder.pos_emb", config.Width, config.Heads, config.Context);
        var x = positions.Embed(graph, graph.Embedding("encoder.tok_emb.weight", ids), all);                       // [B, S, D]
        if (!pre) x = graph.Norm(x, config.Norm, "encoder.norm");
        x = graph.Encode(x, mask, positions, all, config.Layers, "encoder.blocks", AttentionHeads.Of(config.Width, config.Heads), config.Norm, config.FeedForward);
        graph.Scope = "head";
        if (pre) x = graph.Norm(x, config.Norm, "encoder.norm");
        graph.Output("last_hidden_state", x, "batch", "sequence", config.Width);
        switch (config.Head)
        {
            case MaskedHeadConfig:
                var transformed = graph.Norm(graph.Gelu(graph.Linear(x, "dense")), config.Norm, "norm");
                graph.Output("logits", graph.Biased(graph.TiedOutput(transformed, "encoder.tok_emb.weight"), "bias"), "batch", "sequence", vocabulary);
                break;
            case ClassifyHeadConfig classify:
                graph.Output("logits", graph.Linear(graph.Call("Tanh", graph.Linear(Pool(graph, x, mask, all, classify.Pool), "pooler")), "head"), "batch", classes);
                break;
            default: throw OnnxLayers.Refused("head", config.Head);
        }
        return graph;
    }

    /// <summary>Layers that see a sequence in both directions, but not its padding.</summary>
    /// <param name="x">[B, S, D].</param>
    /// <returns>[B, S, D].</returns>
    public static string Encode(this OnnxGraph graph, string x, string mask, OnnxPositions positions, string all, int layers, string name, AttentionHeads heads, NormConfig norm, FeedForwardConfig feedForward)
    {
        var padding = graph.Padding(mask);                                                                         // [B, 1, 1, S]
        var bias = positions.Bias(graph, all, all, causal: false) is { } own ? graph.Add(own, padding) : padding;
        var rotate = positions.Rotation(graph, all);
        for (var layer = 0; layer < layers; layer++)
        {
            var block = $"{name}.{layer}";
            x = graph.Block(x, norm, feedForward, block, h => graph.SelfAttention(h, block + ".attn", heads, scores => graph.Add(scores, bias), rotate));
        }
        return x;
    }

    // One vector for a text, [B, D]; padding comes last.
    static string Pool(OnnxGraph graph, string x, string mask, string all, Pooling pooling)
    {
        if (pooling == Pooling.Cls) return graph.Gather(x, graph.Number(0L), axis: 1);
        var length = graph.Call("ReduceSum", [mask, graph.List(1)], OnnxGraph.Whole("keepdims", 1));               // [B, 1]
        var weights = pooling == Pooling.Last
            ? graph.Cast(graph.Call("Equal", all, graph.Subtract(length, graph.Number(1L))), ElementType.Float)    // [B, S]
            : graph.Call("Div", graph.Cast(mask, ElementType.Float), graph.Cast(length, ElementType.Float));
        return graph.Call("Squeeze", graph.Call("MatMul", graph.Unsqueeze(weights, 1), x), graph.List(1));
    }
}

/// <summary>The two graphs of an encoder-decoder, <see cref="Seq2Seq"/>.</summary>
/// <remarks>The encoder returns the keys and values of the source for every layer of the decoder, so that they are computed only once per text.</remarks>
static class OnnxSeq2Seq
{
    /// <summary>Reads sources: <c>input_ids</c> and <c>attention_mask</c> [B, S] to <c>last_hidden_state</c> [B, S, D] and the decoder's cache of the source.</summary>
    public static OnnxGraph BuildEncoder(Seq2SeqConfig config, OnnxWeights weights)
    {
        var graph = new OnnxGraph("encoder", weights);
        var heads = AttentionHeads.Of(config.Width, config.Heads);
        var ids = graph.Input("input_ids", ElementType.Int64, "batch", "source");
        var mask = graph.Input("attention_mask", ElementType.Int64, "batch", "source");
        var all = graph.Range(graph.Number(0L), graph.SizeOf(ids, 1));
        var positions = new OnnxPositions(config.Positions, "src_pos_emb", config.Width, config.Heads, config.Context);
        var x = positions.Embed(graph, Embed(graph, config, "src_emb.weight", ids), all);                          // [B, S, D]
        x = graph.Encode(x, mask, positions, all, config.Layers, "encoder", heads, config.Norm, config.FeedForward);
        if (config.Norm.Placement == NormPlacement.Pre) x = graph.Norm(x, config.Norm, "encoder_norm");
        graph.Output("last_hidden_state", x, "batch", "source", config.Width);
        for (var layer = 0; layer < LayersOf(config); layer++)
            graph.KeysAndValues(x, $"decoder.{layer}.cross_attn", SourceCache(layer), heads).Output(graph, heads, "source");
        return graph;
    }

    /// <summary>
    /// Continues targets: <c>input_ids</c> [B, T] with the cache of earlier tokens and that of the source, whose padding
    /// <c>encoder_attention_mask</c> [B, S] hides, to <c>logits</c> [B, T, V] with the cache of all target tokens.
    /// </summary>
    public static OnnxGraph BuildDecoder(Seq2SeqConfig config, int vocabulary, OnnxWeights weights)
    {
        var graph = new OnnxGraph("decoder", weights);
        var heads = AttentionHeads.Of(config.Width, config.Heads);
        var ids = graph.Input("input_ids", ElementType.Int64, "batch", "target");
        var mask = graph.Input("encoder_attention_mask", ElementType.Int64, "batch", "source");
        OnnxCache[] sources = [.. Enumerable.Range(0, LayersOf(config)).Select(layer => OnnxCache.Input(graph, SourceCache(layer), heads, "source"))];
        OnnxCache?[] caches = [.. Enumerable.Range(0, LayersOf(config)).Select(layer => OnnxCache.Input(graph, $"{layer}.decoder", heads, "past"))];
        var (queries, keys) = graph.PositionsAfter(ids, caches[0]!.Value);

        var targets = weights.Has("tgt_emb.weight") ? "tgt_emb.weight" : "src_emb.weight";
        var positions = new OnnxPositions(config.Positions, "tgt_pos_emb", config.Width, config.Heads, config.Context);
        var x = positions.Embed(graph, Embed(graph, config, targets, ids), queries);                               // [B, T, D]
        var bias = positions.Bias(graph, queries, keys, causal: true)!;
        var rotate = positions.Rotation(graph, queries);
        var padding = graph.Padding(mask);                                                                         // [B, 1, 1, S]
        for (var layer = 0; layer < LayersOf(config); layer++)
        {
            var block = $"decoder.{layer}";
            x = graph.Residual(x, config.Norm, block, 1, h => graph.SelfAttention(h, block + ".attn", heads, scores => graph.Add(scores, bias), rotate, ref caches[layer]));
            x = graph.Residual(x, config.Norm, block, 2, h => graph.CrossAttention(h, sources[layer], block + ".cross_attn", heads, scores => graph.Add(scores, padding)));
            x = graph.Residual(x, config.Norm, block, 3, h => graph.FeedForward(h, config.FeedForward, block + ".mlp"));
        }
        graph.Scope = "head";
        if (config.Norm.Placement == NormPlacement.Pre) x = graph.Norm(x, config.Norm, "decoder_norm");
        var logits = config.Embeddings.TieOutput ? graph.TiedOutput(x, targets) : graph.Linear(x, "head");
        graph.Output("logits", graph.Biased(logits, "output_bias"), "batch", "target", vocabulary);
        foreach (var cache in caches) cache!.Value.Output(graph, heads, "total");
        return graph;
    }

    static int LayersOf(Seq2SeqConfig config) => config.DecoderLayers ?? config.Layers;

    static string SourceCache(int layer) => $"{layer}.encoder";

    static string Embed(OnnxGraph graph, Seq2SeqConfig config, string table, string ids)
    {
        var x = graph.Embedding(table, ids);
        return config.Embeddings.Scale ? graph.Multiply(x, Math.Sqrt(config.Width)) : x;
    }
}
