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

/// <summary>Llama: <c>LlamaForCausalLM</c>, a decoder with rotary positions, RMSNorm, SwiGLU and grouped-query attention.</summary>
/// <remarks>Touvron et al. 2023, section 2.2.</remarks>
sealed class LlamaLayout : HuggingFaceLayout<GptConfig>
{
    public override string Name => "llama";
    public override string Prefix => "model.";

    public override IEnumerable<string> Misfits(GptConfig model, LayoutSizes sizes) =>
    [
        .. Shared.Unless(model.Positions is RotaryPositionsConfig, $"model.positions of kind {Shared.KindOf(model.Positions)}, while Llama has rotary ones"),
        .. Shared.Unless(model.Norm is RmsNormConfig { Placement: NormPlacement.Pre }, "a model.norm other than a root-mean-square norm before each sublayer"),
        .. Shared.Unless(model.FeedForward is SwiGluConfig, $"model.feed_forward of kind {Shared.KindOf(model.FeedForward)}, while Llama has swiglu"),
    ];

    public override JsonObject Describe(GptConfig model, LayoutSizes sizes) => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["vocab_size"] = sizes.Vocabulary, ["max_position_embeddings"] = model.Context, ["hidden_size"] = model.Width,
        ["intermediate_size"] = FeedForward.HiddenWidth(model.FeedForward, model.Width), ["num_hidden_layers"] = model.Layers, ["num_attention_heads"] = model.Heads,
        ["num_key_value_heads"] = model.KeyValueHeads ?? model.Heads, ["head_dim"] = model.Width / model.Heads, ["hidden_act"] = "silu", ["rms_norm_eps"] = model.Norm.Epsilon,
        ["rope_theta"] = ((RotaryPositionsConfig)model.Positions).Base, ["rope_scaling"] = null, ["attention_bias"] = model.Bias, ["mlp_bias"] = model.Bias,
        ["attention_dropout"] = model.Dropout, ["initializer_range"] = 0.02, ["tie_word_embeddings"] = model.TieEmbeddings,
    };

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        config.Require("hidden_act", "silu", "silu", "swish");
        // Versions of the library before 5 write the base outside these objects.
        ForeignConfig[] rotary = [.. new[] { config.Inner("rope_scaling"), config.Inner("rope_parameters") }.OfType<ForeignConfig>()];
        foreach (var scaling in rotary)
            if ((scaling.Text("rope_type") ?? scaling.Text("type") ?? "default") is var type and not "default")
                throw config.Error("rope_scaling", $"of type {MessageText.Escape(type)} is not supported: positions are rotated without scaling");
        foreach (var part in rotary.Append(config)) part.Require("partial_rotary_factor", "1", "1", "1.0");
        var (width, heads) = (config.Int("hidden_size", 4096, most: 1_000_000), config.Int("num_attention_heads", 32, most: 10_000));
        if (config.Has("head_dim") && config.Int("head_dim") * (long)heads != width)
            throw config.Error("head_dim", $"({config.Int("head_dim")}) times num_attention_heads ({heads}) must be hidden_size ({width})");
        var bias = config.Flag("attention_bias", false);
        if (config.Flag("mlp_bias", false) != bias) throw config.Error("mlp_bias", $"({(bias ? "false) must be attention_bias (true" : "true) must be attention_bias (false")}): models in this program have biases everywhere or nowhere");
        var (hidden, kvHeads) = (config.Int("intermediate_size", 11008), config.Int("num_key_value_heads", heads, most: 10_000));
        var standard = FeedForward.HiddenWidth(new SwiGluConfig(), width);
        var sizes = new LayoutSizes(config.Int("vocab_size", 32000, least: 2));
        var model = new GptConfig
        {
            Vocabulary = sizes.Vocabulary,
            Layers = config.Int("num_hidden_layers", 32, most: 10_000), Heads = heads, KeyValueHeads = kvHeads == heads ? null : kvHeads, Width = width,
            Context = config.Int("max_position_embeddings", 2048), FeedForward = new SwiGluConfig { Width = hidden == standard ? null : hidden },
            Positions = new RotaryPositionsConfig { Base = rotary.Append(config).First(part => part == config || part.Has("rope_theta")).Number("rope_theta", 10_000) },
            Norm = new RmsNormConfig { Epsilon = config.Number("rms_norm_eps", 1e-6) }, Bias = bias, Dropout = config.Number("attention_dropout", 0),
            TieEmbeddings = config.Flag("tie_word_embeddings", false),
        };
        return new(model, sizes, [.. Rows(model, sizes, Prefix)]) { Ignored = new Regex(@"\.rotary_emb\.inv_freq$", RegexOptions.CultureInvariant) };
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output) => ForeignTokenizer.ForText(folder, config, model, output);

    public override IEnumerable<WeightRow> Rows(GptConfig model, LayoutSizes sizes, string prefix)
    {
        var (V, D, F) = (sizes.Vocabulary, model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width));
        var grouped = D / model.Heads * (model.KeyValueHeads ?? model.Heads);
        yield return new("tok_emb.weight", WeightChange.Same, new ForeignTensor($"{prefix}embed_tokens.weight", V, D));
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            new("blocks.*.norm1.weight", WeightChange.Same, new ForeignTensor($"{prefix}layers.*.input_layernorm.weight", D)),
            .. WeightRow.Layer("blocks.*.attn.qkv", model.Bias, WeightChange.Stacked, new($"{prefix}layers.*.self_attn.q_proj", D, D), new($"{prefix}layers.*.self_attn.k_proj", grouped, D), new($"{prefix}layers.*.self_attn.v_proj", grouped, D)),
            .. WeightRow.Layer("blocks.*.attn.proj", model.Bias, WeightChange.Same, new ForeignTensor($"{prefix}layers.*.self_attn.o_proj", D, D)),
            new("blocks.*.norm2.weight", WeightChange.Same, new ForeignTensor($"{prefix}layers.*.post_attention_layernorm.weight", D)),
            .. WeightRow.Layer("blocks.*.mlp.up", model.Bias, WeightChange.Stacked, new($"{prefix}layers.*.mlp.gate_proj", F, D), new($"{prefix}layers.*.mlp.up_proj", F, D)),
            .. WeightRow.Layer("blocks.*.mlp.down", model.Bias, WeightChange.Same, new ForeignTensor($"{prefix}layers.*.mlp.down_proj", D, F)),
        ])) yield return row;
        yield return new("norm.weight", WeightChange.Same, new ForeignTensor($"{prefix}norm.weight", D));
        var head = new ForeignTensor("lm_head.weight", V, D);
        yield return model.TieEmbeddings ? WeightRow.Tied(head, new($"{prefix}embed_tokens.weight", V, D)) : new("head.weight", WeightChange.Same, head);
    }
}
