using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>Marian: <c>MarianMTModel</c>, the encoder-decoder of Vaswani et al. 2017.</summary>
/// <remarks>
/// Junczys-Dowmunt et al. 2018. It stores all sines before all cosines, while this program interleaves them: the dimensions of the
/// residual stream are reordered in every weight that reads it or writes to it, which changes only the order of sums.
/// </remarks>
sealed class MarianLayout : HuggingFaceLayout<Seq2SeqConfig>
{
    const double Base = 10_000;

    public override string Name => "marian";
    public override string Prefix => "model.";

    public override IEnumerable<string> Misfits(Seq2SeqConfig model, LayoutSizes sizes) =>
    [
        .. Shared.Unless(model.Positions is SinusoidalPositionsConfig, $"model.positions of kind {Shared.KindOf(model.Positions)}, while Marian has sinusoidal ones"),
        .. Shared.Unless(model.Positions is not SinusoidalPositionsConfig { Base: not Base }, "a model.positions.base other than 10000"),
        .. Shared.Unless(model.Norm is LayerNormConfig { Placement: NormPlacement.Post, Epsilon: 1e-5 }, "a model.norm other than a layer norm of epsilon 1e-5 after each sublayer"),
        .. Shared.Unless(model.FeedForward is not SwiGluConfig, $"model.feed_forward of kind {Shared.KindOf(model.FeedForward)}"),
        .. Shared.Unless(model.Bias, "model.bias: false"),
        .. Shared.Unless(model.Embeddings.TieOutput && model.Embeddings.Shared != false, "embedding matrices that are not shared"),
    ];

    public override JsonObject Describe(Seq2SeqConfig model, LayoutSizes sizes)
    {
        var (hidden, layers) = (FeedForward.HiddenWidth(model.FeedForward, model.Width), model.DecoderLayers ?? model.Layers);
        return new()
        {
            ["architectures"] = new JsonArray("MarianMTModel"), ["is_encoder_decoder"] = true,
            ["vocab_size"] = sizes.Vocabulary, ["decoder_vocab_size"] = sizes.Vocabulary, ["share_encoder_decoder_embeddings"] = true, ["tie_word_embeddings"] = true,
            ["max_position_embeddings"] = model.Context, ["d_model"] = model.Width, ["encoder_layers"] = model.Layers, ["decoder_layers"] = layers, ["num_hidden_layers"] = model.Layers,
            ["encoder_attention_heads"] = model.Heads, ["decoder_attention_heads"] = model.Heads, ["encoder_ffn_dim"] = hidden, ["decoder_ffn_dim"] = hidden,
            ["activation_function"] = Shared.Activation(model.FeedForward), ["scale_embedding"] = model.Embeddings.Scale, ["static_position_embeddings"] = true,
            ["normalize_before"] = false, ["normalize_embedding"] = false, ["dropout"] = model.Dropout, ["attention_dropout"] = model.InnerDropout, ["activation_dropout"] = model.InnerDropout, ["init_std"] = 0.02,
        };
    }

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        config.Require("normalize_before", "false", "false");
        config.Require("normalize_embedding", "false", "false");
        config.Require("share_encoder_decoder_embeddings", "true", "true");
        config.Require("tie_word_embeddings", "true", "true");
        var (width, heads, hidden) = (config.Int("d_model", 1024, most: 1_000_000), config.Int("encoder_attention_heads", 16, most: 10_000), config.Int("encoder_ffn_dim", 4096));
        foreach (var (key, wanted) in new[] { ("decoder_attention_heads", heads), ("decoder_ffn_dim", hidden) })
            if (config.Int(key, wanted) != wanted) throw config.Error(key, $"({config.Int(key)}) must be the encoder's ({wanted})");
        if (width % 2 != 0) throw config.Error("d_model", $"({width}) must be even");
        var (layers, decoders) = (config.Int("encoder_layers", 12, most: 10_000), config.Int("decoder_layers", 12, most: 10_000));
        var sizes = new LayoutSizes(config.Int("vocab_size", 58101, least: 2));
        var model = new Seq2SeqConfig
        {
            Vocabulary = sizes.Vocabulary,
            Layers = layers, DecoderLayers = decoders == layers ? null : decoders, Heads = heads, Width = width, Context = Context(config),
            FeedForward = Shared.FeedForward(config, "activation_function", "gelu", hidden, width), Dropout = config.Number("dropout", 0.1), InnerDropout = config.Number("attention_dropout", 0),
            Embeddings = new EmbeddingsConfig { Scale = config.Flag("scale_embedding", false), OutputBias = HasBias(weights) },
        };
        if (config.Int("decoder_vocab_size", sizes.Vocabulary) != sizes.Vocabulary) throw config.Error("decoder_vocab_size", $"({config.Int("decoder_vocab_size")}) must be vocab_size ({sizes.Vocabulary})");
        return new(model, sizes, [.. Rows(model, sizes, Prefix)]);
    }

    static int Context(ForeignConfig config) => config.Int("max_position_embeddings", 1024, least: 2);

    // Every file has the bias, but this program's models mostly have none.
    static bool HasBias(WeightFiles weights)
    {
        if (weights.ShapeOf("final_logits_bias") is null) return false;
        using var scope = NewDisposeScope();
        return weights.Load("final_logits_bias").count_nonzero().item<long>() > 0;
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output)
    {
        if (!File.Exists(Path.Combine(folder, "tokenizer.json")) && File.Exists(Path.Combine(folder, "source.spm")))
            throw new UserException([new Problem("is one of two vocabularies, whose ids Marian's own tokenizer takes from a third file", Path.Combine(folder, "source.spm"), Hint: "convert them to one tokenizer.json, as transformers' convert_slow_tokenizer does")]);
        var tokenizer = ForeignTokenizer.Read(folder, model.Sizes.Vocabulary);
        ForeignTokenizer.RequireSpecial(tokenizer, folder);
        var special = SpecialIds.Of(tokenizer);
        foreach (var (key, id) in new[] { ("pad_token_id", special.Padding), ("eos_token_id", special.End), ("decoder_start_token_id", special.Begin) })
            if (config.OptionalInt(key) is { } given && given != id) throw config.Error(key, $"({given}) must be {id}, the id of the token with this role in the tokenizer");
        var data = new ParallelDataConfig
        {
            Source = new ParallelFolderConfig { Folder = ForeignInput.NoData, From = "source", To = "target" }, Tokenizer = ForeignTokenizer.Config(tokenizer, output),
            MaxLength = Context(config),
        };
        return new(data, ForeignTokenizer.Files(tokenizer));
    }

    public override IEnumerable<WeightRow> Rows(Seq2SeqConfig model, LayoutSizes sizes, string prefix)
    {
        var (V, D, F, C) = (sizes.Vocabulary, model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width), model.Context);
        // In this program, dimension 2i is a sine and 2i + 1 its cosine; in Marian they are i and D/2 + i.
        var order = Enumerable.Range(0, D).Select(i => (long)(i / 2 + i % 2 * (D / 2))).ToArray();
        WeightChange reads = new Reordered(WeightChange.Same, order, 1), writes = new Reordered(WeightChange.Same, order, 0), stacked = new Reordered(WeightChange.Stacked, order, 1);
        var shared = new ForeignTensor($"{prefix}shared.weight", V, D);
        yield return new("src_emb.weight", reads, shared);
        foreach (var copy in (string[])[$"{prefix}encoder.embed_tokens.weight", $"{prefix}decoder.embed_tokens.weight", "lm_head.weight"]) yield return WeightRow.Tied(new(copy, V, D), shared);
        var bias = new ForeignTensor("final_logits_bias", 1, V);
        yield return model.Embeddings.OutputBias ? new("output_bias", Custom.Reshaped([V], 1, V), bias) : WeightRow.Zeros(bias, "the output layer has no bias");
        foreach (var side in (string[])["encoder", "decoder"])
            yield return new([], new Custom(_ => [Sines(C, D)], _ => []), new ForeignTensor($"{prefix}{side}.embed_positions.weight", C, D)) { Optional = true, IsConstant = true };
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            .. Self("encoder.*", $"{prefix}encoder.layers.*"), .. Network("encoder.*", 2, $"{prefix}encoder.layers.*"),
        ])) yield return row;
        foreach (var row in WeightRow.Repeat(model.DecoderLayers ?? model.Layers,
        [
            .. Self("decoder.*", $"{prefix}decoder.layers.*"), .. Cross("decoder.*", $"{prefix}decoder.layers.*"), .. Network("decoder.*", 3, $"{prefix}decoder.layers.*"),
        ])) yield return row;

        IEnumerable<WeightRow> Self(string ours, string theirs) =>
        [
            .. WeightRow.Layer($"{ours}.attn.qkv", true, stacked, new($"{theirs}.self_attn.q_proj", D, D), new($"{theirs}.self_attn.k_proj", D, D), new($"{theirs}.self_attn.v_proj", D, D)),
            .. Layer($"{ours}.attn.proj", writes, $"{theirs}.self_attn.out_proj", D, D), .. Layer($"{ours}.norm1", writes, $"{theirs}.self_attn_layer_norm", D),
        ];
        IEnumerable<WeightRow> Cross(string ours, string theirs) =>
        [
            .. Layer($"{ours}.cross_attn.q", reads, $"{theirs}.encoder_attn.q_proj", D, D),
            .. WeightRow.Layer($"{ours}.cross_attn.kv", true, stacked, new($"{theirs}.encoder_attn.k_proj", D, D), new($"{theirs}.encoder_attn.v_proj", D, D)),
            .. Layer($"{ours}.cross_attn.proj", writes, $"{theirs}.encoder_attn.out_proj", D, D), .. Layer($"{ours}.norm2", writes, $"{theirs}.encoder_attn_layer_norm", D),
        ];
        IEnumerable<WeightRow> Network(string ours, int norm, string theirs) =>
        [
            .. Layer($"{ours}.mlp.up", reads, $"{theirs}.fc1", F, D), .. Layer($"{ours}.mlp.down", writes, $"{theirs}.fc2", D, F), .. Layer($"{ours}.norm{norm}", writes, $"{theirs}.final_layer_norm", D),
        ];
        static IEnumerable<WeightRow> Layer(string ours, WeightChange change, string theirs, params long[] shape) => WeightRow.Layer(ours, true, change, new ForeignTensor(theirs, shape));
    }

    static Tensor Sines(int context, int width)
    {
        var table = SinusoidalPositionEncoding.Table(0, context, width, Base).reshape(context, width / 2, 2);
        return cat([table.select(2, 0), table.select(2, 1)], 1).to(ScalarType.Float32);
    }
}
