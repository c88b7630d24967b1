using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Transformers.IO;
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
