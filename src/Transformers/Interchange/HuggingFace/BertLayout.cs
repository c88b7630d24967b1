using Transformers.Checkpoints;
using Transformers.Data.Sentences;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>BERT: <c>BertForMaskedLM</c> and <c>BertForSequenceClassification</c>.</summary>
/// <remarks>
/// Devlin et al. 2019. A text is a single segment in this program: the first segment's embedding is added to the position embeddings.
/// </remarks>
sealed class BertLayout : HuggingFaceLayout<EncoderConfig>
{
    const int Segments = 2;

    public override string Name => "bert";
    public override string Prefix => "bert.";

    public override IEnumerable<string> Misfits(EncoderConfig model, LayoutSizes sizes) =>
    [
        .. Shared.Unless(model.Positions is LearnedPositionsConfig, $"model.positions of kind {Shared.KindOf(model.Positions)}, while BERT has learned ones"),
        .. Shared.Unless(model.Norm is LayerNormConfig { Placement: NormPlacement.Post }, "a model.norm other than a layer norm after each sublayer"),
        .. Shared.Unless(model.FeedForward is not SwiGluConfig, $"model.feed_forward of kind {Shared.KindOf(model.FeedForward)}"),
        .. Shared.Unless(model.Head is not MaskedHeadConfig || model.FeedForward is GeluConfig { Tanh: false }, "a masked head, which uses gelu, on a model.feed_forward with a different activation"),
        .. Shared.Unless(model.Bias, "model.bias: false"),
        .. Shared.Unless(model.Head is not ClassifyHeadConfig { Pool: not Pooling.Cls }, "a model.head.pool other than cls"),
    ];

    public override JsonObject Describe(EncoderConfig model, LayoutSizes sizes) => new()
    {
        ["architectures"] = new JsonArray(model.Head is MaskedHeadConfig ? "BertForMaskedLM" : "BertForSequenceClassification"),
        ["vocab_size"] = sizes.Vocabulary, ["max_position_embeddings"] = model.Context, ["type_vocab_size"] = Segments, ["hidden_size"] = model.Width,
        ["intermediate_size"] = FeedForward.HiddenWidth(model.FeedForward, model.Width), ["num_hidden_layers"] = model.Layers, ["num_attention_heads"] = model.Heads,
        ["hidden_act"] = Shared.Activation(model.FeedForward), ["layer_norm_eps"] = model.Norm.Epsilon, ["hidden_dropout_prob"] = model.Dropout,
        ["attention_probs_dropout_prob"] = model.InnerDropout, ["initializer_range"] = 0.02, ["position_embedding_type"] = "absolute", ["tie_word_embeddings"] = true,
    };

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        config.Require("position_embedding_type", "absolute", "absolute");
        config.Require("is_decoder", "false", "false");
        config.Require("tie_word_embeddings", "true", "true");
        var masked = weights.Names.Any(name => name.StartsWith("cls.predictions.", StringComparison.Ordinal));
        var classes = weights.ShapeOf("classifier.weight") is [> 0 and <= int.MaxValue and var rows, _] ? (int)rows : 0;
        if (!masked && classes == 0)
            throw new UserException([new Problem("the weights have neither a head for masked tokens (cls.predictions) nor a classifier", config.Path, Hint: "save BertForMaskedLM or BertForSequenceClassification")]);
        if (!masked) Shared.Classes(config, classes);
        var width = config.Int("hidden_size", 768, most: 1_000_000);
        var network = Shared.FeedForward(config, "hidden_act", "gelu", config.Int("intermediate_size", 3072), width);
        if (masked && network is not GeluConfig { Tanh: false }) throw config.Error("hidden_act", $"({config.Text("hidden_act")}) must be gelu for a head that predicts masked tokens");
        var sizes = new LayoutSizes(config.Int("vocab_size", 30522, least: 2), masked ? 0 : classes);
        var model = new EncoderConfig
        {
            Vocabulary = sizes.Vocabulary,
            Layers = config.Int("num_hidden_layers", 12, most: 10_000), Heads = config.Int("num_attention_heads", 12, most: 10_000), Width = width,
            Context = Context(config), FeedForward = network,
            Norm = new LayerNormConfig { Placement = NormPlacement.Post, Epsilon = config.Number("layer_norm_eps", 1e-12) },
            Dropout = config.Number("hidden_dropout_prob", 0.1), InnerDropout = config.Number("attention_probs_dropout_prob", 0.1),
            Head = masked ? new MaskedHeadConfig { Bias = HasBias(weights) } : new ClassifyHeadConfig { Pool = Pooling.Cls },
        };
        return new(model, sizes, [.. Rows(model, sizes, Prefix, config.Int("type_vocab_size", Segments, most: 1000))])
        {
            // Tensors of the head for the other pretraining task, and constants.
            Ignored = new Regex(@"^cls\.seq_relationship\.|\.position_ids$" + (masked ? @"|^bert\.pooler\." : ""), RegexOptions.CultureInvariant),
        };
    }

    static int Context(ForeignConfig config) => config.Int("max_position_embeddings", 512, least: 3);

    // A head without a bias is exported with one of zeros.
    static bool HasBias(WeightFiles weights)
    {
        if (weights.ShapeOf("cls.predictions.bias") is null) return false;
        using var scope = NewDisposeScope();
        return weights.Load("cls.predictions.bias").count_nonzero().item<long>() > 0;
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output)
    {
        var tokenizer = ForeignTokenizer.Read(folder, model.Sizes.Vocabulary);
        ForeignTokenizer.RequireSpecial(tokenizer, folder, mask: model.Sizes.Classes == 0);
        var files = ForeignTokenizer.Files(tokenizer);
        if (model.Sizes.Classes > 0)
        {
            var labels = config.Numbered("id2label") ?? [.. Enumerable.Range(0, model.Sizes.Classes).Select(label => $"LABEL_{label}")];
            if (labels.Length != model.Sizes.Classes) throw config.Error("id2label", $"has {labels.Length} names, but the classifier has {model.Sizes.Classes} classes");
            if (labels.Distinct(StringComparer.Ordinal).Count() < labels.Length) throw config.Error("id2label", "contains a class twice");
            files[CheckpointFiles.Classes] = JsonSerializer.SerializeToUtf8Bytes(labels, JsonStyle.Options);
        }
        return new(new LabelledDataConfig { Source = new LabelledFolderConfig { Folder = ForeignInput.NoData }, Tokenizer = ForeignTokenizer.Config(tokenizer, output), MaxLength = Context(config) }, files);
    }

    public override IEnumerable<WeightRow> Rows(EncoderConfig model, LayoutSizes sizes, string prefix) => Rows(model, sizes, prefix, Segments);

    static IEnumerable<WeightRow> Rows(EncoderConfig model, LayoutSizes sizes, string prefix, int segments)
    {
        var (V, C, D, F) = (sizes.Vocabulary, model.Context, model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width));
        var words = new ForeignTensor($"{prefix}embeddings.word_embeddings.weight", V, D);
        yield return new("encoder.tok_emb.weight", WeightChange.Same, words);
        yield return new("encoder.pos_emb.weight", new Custom(ours => [ours[0], zeros(segments, D)], theirs => [theirs[0] + theirs[1][0]]),
            new($"{prefix}embeddings.position_embeddings.weight", C, D), new($"{prefix}embeddings.token_type_embeddings.weight", segments, D));
        foreach (var row in Layer("encoder.norm", $"{prefix}embeddings.LayerNorm", D)) yield return row;
        var (theirs, self) = ($"{prefix}encoder.layer.*", $"{prefix}encoder.layer.*.attention.self");
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            .. WeightRow.Layer("encoder.blocks.*.attn.qkv", true, WeightChange.Stacked, new($"{self}.query", D, D), new($"{self}.key", D, D), new($"{self}.value", D, D)),
            .. Layer("encoder.blocks.*.attn.proj", $"{theirs}.attention.output.dense", D, D),
            .. Layer("encoder.blocks.*.norm1", $"{theirs}.attention.output.LayerNorm", D),
            .. Layer("encoder.blocks.*.mlp.up", $"{theirs}.intermediate.dense", F, D),
            .. Layer("encoder.blocks.*.mlp.down", $"{theirs}.output.dense", D, F),
            .. Layer("encoder.blocks.*.norm2", $"{theirs}.output.LayerNorm", D),
        ])) yield return row;
        if (model.Head is MaskedHeadConfig head)
        {
            var bias = new ForeignTensor("cls.predictions.bias", V);
            foreach (var row in Layer("dense", "cls.predictions.transform.dense", D, D)) yield return row;
            foreach (var row in Layer("norm", "cls.predictions.transform.LayerNorm", D)) yield return row;
            yield return head.Bias ? new("bias", WeightChange.Same, bias) : WeightRow.Zeros(bias, "the head has no bias");
            yield return WeightRow.Tied(new("cls.predictions.decoder.weight", V, D), words);
            yield return WeightRow.Tied(new("cls.predictions.decoder.bias", V), bias);
            yield break;
        }
        foreach (var row in Layer("pooler", $"{prefix}pooler.dense", D, D)) yield return row;
        foreach (var row in Layer("head", "classifier", sizes.Classes, D)) yield return row;

        static IEnumerable<WeightRow> Layer(string ours, string theirs, params long[] shape) => WeightRow.Layer(ours, true, WeightChange.Same, new ForeignTensor(theirs, shape));
    }
}
