using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>ViT: <c>ViTForImageClassification</c>.</summary>
/// <remarks>Dosovitskiy et al. 2021.</remarks>
sealed class VitLayout : HuggingFaceLayout<VitConfig>
{
    public override string Name => "vit";
    public override string Prefix => "vit.";

    public override IEnumerable<string> Misfits(VitConfig model, LayoutSizes sizes) =>
    [
        .. Shared.Unless(model.Positions is LearnedImagePositionsConfig, $"model.positions of kind {Shared.KindOf(model.Positions)}, while ViT has learned ones"),
        .. Shared.Unless(model.Pool == ImagePooling.Cls, "model.pool: mean"),
        .. Shared.Unless(model.Norm is LayerNormConfig { Placement: NormPlacement.Pre }, "a model.norm other than a layer norm before each sublayer"),
        .. Shared.Unless(model.FeedForward is not SwiGluConfig, $"model.feed_forward of kind {Shared.KindOf(model.FeedForward)}"),
        .. Shared.Unless(model.LayerScale is null, "model.layer_scale"),
    ];

    public override JsonObject Describe(VitConfig model, LayoutSizes sizes) => new()
    {
        ["architectures"] = new JsonArray("ViTForImageClassification"),
        ["image_size"] = sizes.Image.Size, ["num_channels"] = sizes.Image.Channels, ["patch_size"] = model.Patch, ["hidden_size"] = model.Width,
        ["intermediate_size"] = FeedForward.HiddenWidth(model.FeedForward, model.Width), ["num_hidden_layers"] = model.Layers, ["num_attention_heads"] = model.Heads,
        ["hidden_act"] = Shared.Activation(model.FeedForward), ["layer_norm_eps"] = model.Norm.Epsilon, ["qkv_bias"] = true, ["initializer_range"] = 0.02,
        ["hidden_dropout_prob"] = model.Drop.Activations, ["attention_probs_dropout_prob"] = model.Drop.Attention,
    };

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        config.Require("qkv_bias", "true", "true");
        var width = config.Int("hidden_size", 768, most: 1_000_000);
        var model = new VitConfig
        {
            Patch = config.Int("patch_size", 16, most: 4096), Layers = config.Int("num_hidden_layers", 12, most: 10_000), Heads = config.Int("num_attention_heads", 12, most: 10_000), Width = width,
            FeedForward = Shared.FeedForward(config, "hidden_act", "gelu", config.Int("intermediate_size", 3072), width),
            Norm = new LayerNormConfig { Epsilon = config.Number("layer_norm_eps", 1e-12) },
            Drop = new ImageDropConfig { Activations = config.Number("hidden_dropout_prob", 0), Attention = config.Number("attention_probs_dropout_prob", 0) },
        };
        var sizes = new LayoutSizes(Classes: ForeignImages.Classes(weights, "classifier.weight", config), Image: ForeignImages.Shape(config, weights, "classifier.weight"));
        ForeignImages.RequireDivisible(config, sizes.Image.Size, model.Patch);
        return new(model, sizes, [.. Rows(model, sizes, Prefix)]) { Ignored = new Regex(@"^vit\.pooler\.|\.mask_token$", RegexOptions.CultureInvariant) };
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output) => ForeignImages.Read(folder, config, model);

    public override IEnumerable<WeightRow> Rows(VitConfig model, LayoutSizes sizes, string prefix)
    {
        var (D, F, P, side) = (model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width), model.Patch, sizes.Image.Size / model.Patch);
        yield return new("cls_token", Custom.Reshaped([D], 1, 1, D), new ForeignTensor($"{prefix}embeddings.cls_token", 1, 1, D));
        yield return Positions($"{prefix}embeddings.position_embeddings", side, D);
        foreach (var row in Layer("patch_emb", $"{prefix}embeddings.patch_embeddings.projection", D, sizes.Image.Channels, P, P)) yield return row;
        var (theirs, self) = ($"{prefix}encoder.layer.*", $"{prefix}encoder.layer.*.attention.attention");
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            .. Layer("blocks.*.norm1", $"{theirs}.layernorm_before", D),
            .. WeightRow.Layer("blocks.*.attn.qkv", true, WeightChange.Stacked, new($"{self}.query", D, D), new($"{self}.key", D, D), new($"{self}.value", D, D)),
            .. Layer("blocks.*.attn.proj", $"{theirs}.attention.output.dense", D, D),
            .. Layer("blocks.*.norm2", $"{theirs}.layernorm_after", D),
            .. Layer("blocks.*.mlp.up", $"{theirs}.intermediate.dense", F, D),
            .. Layer("blocks.*.mlp.down", $"{theirs}.output.dense", D, F),
        ])) yield return row;
        foreach (var row in Layer("norm", $"{prefix}layernorm", D)) yield return row;
        foreach (var row in Layer("head", "classifier", sizes.Classes, D)) yield return row;
    }

    /// <summary>The table of positions, whose first row there belongs to the class token.</summary>
    internal static WeightRow Positions(string theirs, int side, long D) => new(["pos_emb.cls", "pos_emb.weight"],
        new Custom(ours => [cat([ours[0].reshape(1, D), ours[1].reshape(-1, D)], 0).unsqueeze(0)], table => [table[0][0, 0].clone(), table[0][0, 1..].reshape(side, side, D)]),
        new ForeignTensor(theirs, 1, 1 + side * side, D));

    internal static IEnumerable<WeightRow> Layer(string ours, string theirs, params long[] shape) => WeightRow.Layer(ours, true, WeightChange.Same, new ForeignTensor(theirs, shape));
}

/// <summary>Swin: <c>SwinForImageClassification</c>.</summary>
/// <remarks>Liu et al. 2021.</remarks>
sealed class SwinLayout : HuggingFaceLayout<SwinConfig>
{
    public override string Name => "swin";
    public override string Prefix => "swin.";

    // In the library, the norms of patches and merges always have this epsilon, regardless of the config.
    const double Epsilon = 1e-5;

    public override IEnumerable<string> Misfits(SwinConfig model, LayoutSizes sizes) =>
    [
        .. Shared.Unless(model.FeedForward is not SwiGluConfig, $"model.feed_forward of kind {Shared.KindOf(model.FeedForward)}"),
        .. Shared.Unless(model.FeedForward.Width is null, "a model.feed_forward.width, while Swin has four times each stage's width"),
        .. Shared.Unless(model.Norm is LayerNormConfig { Epsilon: Epsilon }, "a model.norm other than a layer norm of epsilon 1e-5"),
        .. GridMisfits(model, sizes.Image),
    ];

    // The library's attention has a single window size, and treats padding as zeros.
    static IEnumerable<string> GridMisfits(SwinConfig model, ImageShape image)
    {
        var side = (image.Size + model.Patch - 1) / model.Patch;
        for (var stage = 0; stage < model.Layers.Count; stage++, side = (side + 1) / 2)
        {
            if (side < model.Window) yield return $"a model.window ({model.Window}) larger than the grid of stage {stage + 1} ({side})";
            else if (side % model.Window != 0 && model.Padding != WindowPadding.Zeros) yield return $"windows at the edge of stage {stage + 1} whose padding is masked (model.padding: zeros can be expressed)";
            else continue;
            yield break;
        }
    }

    public override JsonObject Describe(SwinConfig model, LayoutSizes sizes) => new()
    {
        ["architectures"] = new JsonArray("SwinForImageClassification"),
        ["image_size"] = sizes.Image.Size, ["num_channels"] = sizes.Image.Channels, ["patch_size"] = model.Patch, ["embed_dim"] = model.Width, ["depths"] = List(model.Layers), ["num_heads"] = List(model.Heads),
        ["num_layers"] = model.Layers.Count, ["hidden_size"] = model.WidthAt(model.Layers.Count - 1), ["window_size"] = model.Window, ["mlp_ratio"] = 4.0, ["qkv_bias"] = true,
        ["hidden_act"] = Shared.Activation(model.FeedForward), ["layer_norm_eps"] = model.Norm.Epsilon, ["use_absolute_embeddings"] = false, ["initializer_range"] = 0.02,
        ["hidden_dropout_prob"] = model.Drop.Activations, ["attention_probs_dropout_prob"] = model.Drop.Attention, ["drop_path_rate"] = model.Drop.Path,
    };

    static JsonArray List(IEnumerable<int> numbers) => new([.. numbers.Select(number => (JsonNode)number)]);

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        config.Require("qkv_bias", "true", "true");
        config.Require("use_absolute_embeddings", "false", "false");
        if (config.Number("layer_norm_eps", Epsilon) != Epsilon) throw config.Error("layer_norm_eps", $"({config.Number("layer_norm_eps", Epsilon)}) must be 1e-5, the epsilon of all norms in this program");
        if (config.Number("mlp_ratio", 4) != 4) throw config.Error("mlp_ratio", $"({config.Number("mlp_ratio", 4)}) must be 4");
        var (layers, heads) = (config.Ints("depths", most: 10_000), config.Ints("num_heads", most: 10_000));
        if (layers.Length > 8 || heads.Length != layers.Length) throw config.Error("depths", $"must be those of at most 8 stages, the length of num_heads ({heads.Length})");
        var model = new SwinConfig
        {
            Patch = config.Int("patch_size", 4, most: 4096), Width = config.Int("embed_dim", 96, most: 100_000), Layers = layers, Heads = heads, Window = config.Int("window_size", 7, most: 4096),
            Padding = WindowPadding.Zeros, FeedForward = Shared.FeedForward(config, "hidden_act", "gelu", 4, 1), Norm = new LayerNormConfig { Epsilon = Epsilon },
            Drop = new ImageDropConfig { Activations = config.Number("hidden_dropout_prob", 0), Attention = config.Number("attention_probs_dropout_prob", 0), Path = config.Number("drop_path_rate", 0.1) },
        };
        var sizes = new LayoutSizes(Classes: ForeignImages.Classes(weights, "classifier.weight", config), Image: ForeignImages.Shape(config, weights, "classifier.weight"));
        if (GridMisfits(model, sizes.Image).FirstOrDefault() is { } misfit) throw config.Error("window_size", $"({model.Window}) and image_size ({sizes.Image.Size}) give {misfit}");
        // Without padding, both settings are equivalent; this is the one that training writes.
        if (!IsPadded(model, sizes.Image)) model = model with { Padding = WindowPadding.Masked };
        return new(model, sizes, [.. Rows(model, sizes, Prefix)]) { Ignored = new Regex(@"\.mask_token$", RegexOptions.CultureInvariant) };
    }

    static bool IsPadded(SwinConfig model, ImageShape image)
    {
        var side = (image.Size + model.Patch - 1) / model.Patch;
        for (var stage = 0; stage < model.Layers.Count; stage++, side = (side + 1) / 2)
            if (side % model.Window != 0) return true;
        return false;
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output) => ForeignImages.Read(folder, config, model);

    public override IEnumerable<WeightRow> Rows(SwinConfig model, LayoutSizes sizes, string prefix)
    {
        var (P, C, window) = (model.Patch, model.Width, model.Window);
        foreach (var row in VitLayout.Layer("patch_emb", $"{prefix}embeddings.patch_embeddings.projection", C, sizes.Image.Channels, P, P)) yield return row;
        foreach (var row in VitLayout.Layer("patch_norm", $"{prefix}embeddings.norm", C)) yield return row;
        for (int stage = 0, first = 0; stage < model.Layers.Count; first += model.Layers[stage++])
        {
            var (D, H, stages) = (model.WidthAt(stage), model.Heads[stage], $"{prefix}encoder.layers.{stage}");
            var (theirs, self) = ($"{stages}.blocks.*", $"{stages}.blocks.*.attention.self");
            WeightRow[] rows =
            [
                .. VitLayout.Layer("blocks.*.norm1", $"{theirs}.layernorm_before", D),
                .. WeightRow.Layer("blocks.*.attn.qkv", true, WeightChange.Stacked, new($"{self}.query", D, D), new($"{self}.key", D, D), new($"{self}.value", D, D)),
                new("blocks.*.pos_bias.table", WeightChange.Same, new ForeignTensor($"{self}.relative_position_bias_table", (2 * window - 1) * (2 * window - 1), H)),
                // A constant that the library stores: the table row of each pair of positions.
                new([], new Custom(_ => [PositionIndex(window)], _ => []), new ForeignTensor($"{self}.relative_position_index", window * window, window * window)) { Optional = true, IsConstant = true },
                .. VitLayout.Layer("blocks.*.attn.proj", $"{theirs}.attention.output.dense", D, D),
                .. VitLayout.Layer("blocks.*.norm2", $"{theirs}.layernorm_after", D),
                .. VitLayout.Layer("blocks.*.mlp.up", $"{theirs}.intermediate.dense", 4 * D, D),
                .. VitLayout.Layer("blocks.*.mlp.down", $"{theirs}.output.dense", D, 4 * D),
            ];
            for (var layer = 0; layer < model.Layers[stage]; layer++)
                foreach (var row in rows) yield return row.At($"{first + layer}", $"{layer}");
            if (stage == model.Layers.Count - 1) break;
            foreach (var row in VitLayout.Layer($"merges.{stage}.norm", $"{stages}.downsample.norm", 4 * D)) yield return row;
            yield return new($"merges.{stage}.reduction.weight", WeightChange.Same, new ForeignTensor($"{stages}.downsample.reduction.weight", 2 * D, 4 * D));
        }
        var last = model.WidthAt(model.Layers.Count - 1);
        foreach (var row in VitLayout.Layer("norm", $"{prefix}layernorm", last)) yield return row;
        foreach (var row in VitLayout.Layer("head", "classifier", sizes.Classes, last)) yield return row;
    }

    static Tensor PositionIndex(int window)
    {
        var index = new long[window * window * window * window];
        for (int query = 0, at = 0; query < window * window; query++)
            for (var key = 0; key < window * window; key++, at++)
                index[at] = (query / window - key / window + window - 1) * (2 * window - 1) + query % window - key % window + window - 1;
        return tensor(index, [window * window, window * window]);
    }
}
