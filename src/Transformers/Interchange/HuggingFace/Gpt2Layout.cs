using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Transformers.Data;
using Transformers.Layers;
using Transformers.Models;

namespace Transformers.Interchange.HuggingFace;

/// <summary>GPT-2: <c>GPT2LMHeadModel</c>.</summary>
/// <remarks>Radford et al. 2019; layers are <c>Conv1D</c>, whose matrices are [inputs, outputs].</remarks>
sealed class Gpt2Layout : HuggingFaceLayout<GptConfig>
{
    public override string Name => "gpt2";
    public override string Prefix => "transformer.";

    public override IEnumerable<string> Misfits(GptConfig model, LayoutSizes sizes) =>
    [
        .. Shared.Unless(model.Positions is LearnedPositionsConfig, $"model.positions of kind {Shared.KindOf(model.Positions)}, while GPT-2 has learned ones"),
        .. Shared.Unless(model.Norm is LayerNormConfig { Placement: NormPlacement.Pre }, "a model.norm other than a layer norm before each sublayer"),
        .. Shared.Unless(model.FeedForward is not SwiGluConfig, $"model.feed_forward of kind {Shared.KindOf(model.FeedForward)}"),
        .. Shared.Unless((model.KeyValueHeads ?? model.Heads) == model.Heads, "fewer model.key_value_heads than heads"),
    ];

    public override JsonObject Describe(GptConfig model, LayoutSizes sizes) => new()
    {
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["vocab_size"] = sizes.Vocabulary, ["n_positions"] = model.Context, ["n_ctx"] = model.Context, ["n_embd"] = model.Width, ["n_layer"] = model.Layers, ["n_head"] = model.Heads,
        ["n_inner"] = FeedForward.HiddenWidth(model.FeedForward, model.Width), ["activation_function"] = Shared.Activation(model.FeedForward), ["layer_norm_epsilon"] = model.Norm.Epsilon,
        ["resid_pdrop"] = model.Dropout, ["embd_pdrop"] = model.Dropout, ["attn_pdrop"] = model.Dropout, ["initializer_range"] = 0.02,
        ["scale_attn_weights"] = true, ["scale_attn_by_inverse_layer_idx"] = false, ["reorder_and_upcast_attn"] = false, ["tie_word_embeddings"] = model.TieEmbeddings,
        // Not a key of the library: the biases of a model without any are stored as zeros, and an import removes them again.
        ["bias"] = model.Bias,
    };

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        config.Require("scale_attn_weights", "true", "true");
        config.Require("scale_attn_by_inverse_layer_idx", "false", "false");
        config.Require("add_cross_attention", "false", "false");
        var width = config.Int("n_embd", 768, most: 1_000_000);
        var sizes = new LayoutSizes(config.Int("vocab_size", 50257, least: 2));
        var model = new GptConfig
        {
            Vocabulary = sizes.Vocabulary,
            Layers = config.Int("n_layer", 12, most: 10_000), Heads = config.Int("n_head", 12, most: 10_000), Width = width, Context = config.Int("n_positions", 1024),
            FeedForward = Shared.FeedForward(config, "activation_function", "gelu_new", config.Int("n_inner", 4 * width), width),
            Norm = new LayerNormConfig { Epsilon = config.Number("layer_norm_epsilon", 1e-5) },
            Bias = config.Flag("bias", true), Dropout = config.Number("resid_pdrop", 0.1), TieEmbeddings = config.Flag("tie_word_embeddings", true),
        };
        return new(model, sizes, [.. Rows(model, sizes, PrefixOf(weights, Prefix))])
        {
            // Constants that old versions stored: the causal mask and its value.
            Ignored = new Regex(@"(^|\.)h\.\d+\.attn\.(bias|masked_bias)$", RegexOptions.CultureInvariant),
        };
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output) => ForeignTokenizer.ForText(folder, config, model, output);

    public override IEnumerable<WeightRow> Rows(GptConfig model, LayoutSizes sizes, string prefix)
    {
        var (V, D, F) = (sizes.Vocabulary, model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width));
        yield return new("tok_emb.weight", WeightChange.Same, new ForeignTensor($"{prefix}wte.weight", V, D));
        yield return new("pos_emb.weight", WeightChange.Same, new ForeignTensor($"{prefix}wpe.weight", model.Context, D));
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            .. Norm("blocks.*.norm1", $"{prefix}h.*.ln_1"),
            .. Layer("blocks.*.attn.qkv", $"{prefix}h.*.attn.c_attn", D, 3 * D),
            .. Layer("blocks.*.attn.proj", $"{prefix}h.*.attn.c_proj", D, D),
            .. Norm("blocks.*.norm2", $"{prefix}h.*.ln_2"),
            .. Layer("blocks.*.mlp.up", $"{prefix}h.*.mlp.c_fc", D, F),
            .. Layer("blocks.*.mlp.down", $"{prefix}h.*.mlp.c_proj", F, D),
        ])) yield return row;
        foreach (var row in Norm("norm", $"{prefix}ln_f")) yield return row;
        var head = new ForeignTensor("lm_head.weight", V, D);
        yield return model.TieEmbeddings ? WeightRow.Tied(head, new($"{prefix}wte.weight", V, D)) : new("head.weight", WeightChange.Same, head);

        IEnumerable<WeightRow> Norm(string ours, string theirs) => Biased(WeightRow.Layer(ours, model.Bias, WeightChange.Same, new ForeignTensor(theirs, D)), theirs, D);
        IEnumerable<WeightRow> Layer(string ours, string theirs, int inputs, int outputs) =>
            Biased(WeightRow.Layer(ours, model.Bias, WeightChange.Transposed, new ForeignTensor(theirs, inputs, outputs)), theirs, outputs);
        // The library's layers always have a bias.
        IEnumerable<WeightRow> Biased(IEnumerable<WeightRow> rows, string theirs, int outputs) =>
            model.Bias ? rows : rows.Append(WeightRow.Zeros(new($"{theirs}.bias", outputs), "config.json says bias: false"));
    }
}
