using Transformers.Data.Images;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>An image model with timm's names, which can be imported but not exported. Its config names the architecture; the sizes come from the weights.</summary>
abstract class TimmLayout : HuggingFaceLayout
{
    // Arguments whose effects all show in the weights.
    static readonly HashSet<string> Arguments = new(["num_heads", "num_classes", "in_chans", "img_size", "patch_size", "embed_dim", "depth", "depths", "window_size", "init_values"], StringComparer.Ordinal);

    private protected abstract Regex Architectures { get; }

    /// <summary>Requires that a config does not change its architecture.</summary>
    /// <param name="pool">How the architecture pools.</param>
    private protected static void RequireUnchanged(ForeignConfig config, string pool)
    {
        config.Require("global_pool", pool, pool);
        if (config.Inner("model_args")?.Keys.FirstOrDefault(key => !Arguments.Contains(key)) is { } key) throw config.Error($"model_args.{MessageText.Escape(key)}", "is not supported");
    }

    public override bool Knows(ForeignConfig config) => !config.Has("model_type") && config.Text("architecture") is { } name && Architectures.IsMatch(name);

    /// <summary>The images of the model, from <c>pretrained_cfg</c>.</summary>
    private protected static ImageShape Image(ForeignConfig config, int channels, int classes)
    {
        var trained = config.Inner("pretrained_cfg");
        var size = trained?.Has("input_size") == true ? trained.Ints("input_size", most: 4096) : [channels, 224, 224];
        return size is [var C, var Y, var X] && C == channels && Y == X ? new(Y, C, classes)
            : throw config.Error("pretrained_cfg.input_size", $"([{string.Join(", ", size)}]) must be the channels of the weights ({channels}) and a square");
    }

    public override ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output)
    {
        var (trained, image) = (config.Inner("pretrained_cfg"), model.Sizes.Image);
        var crop = trained?.Number("crop_pct", 0.875) ?? 0.875;
        if (crop is not (> 0 and <= 1)) throw config.Error("pretrained_cfg.crop_pct", $"({crop}) must be above 0 and at most 1");
        var transform = new ImageTransform
        {
            Size = image.Size, Resize = (int)Math.Min(8192, Math.Floor(image.Size / crop)), Channels = image.Channels,
            Filter = (trained?.Text("interpolation") ?? "bicubic") switch
            {
                "bicubic" => ResizeFilter.Bicubic,
                "bilinear" => ResizeFilter.Bilinear,
                var other => throw config.Error("pretrained_cfg.interpolation", $"({MessageText.Escape(other)}) must be bicubic or bilinear"),
            },
            Mean = trained?.Numbers("mean") ?? [0.5, 0.5, 0.5], Std = trained?.Numbers("std") ?? [0.5, 0.5, 0.5],
        };
        return ForeignImages.Input(transform, config.Texts("label_names"), config, model);
    }

    // The size of a tensor's dimension, which determines the model's.
    private protected static int Size(WeightFiles weights, string name, int dimension, int dimensions) =>
        weights.ShapeOf(name) is { } shape && shape.Count == dimensions && shape[dimension] is > 0 and <= 1_000_000 ? (int)shape[dimension]
            : throw new UserException($"the weights have no tensor {name} of {dimensions} dimensions");

    private protected static int Count(WeightFiles weights, Func<int, string> name)
    {
        var count = 0;
        while (weights.ShapeOf(name(count)) is not null) count++;
        return count > 0 ? count : throw new UserException($"the weights have no tensor {name(0)}");
    }
}

/// <summary>timm's VisionTransformer.</summary>
sealed class TimmVitLayout : TimmLayout
{
    // The number of heads cannot be seen in the weights.
    static readonly (string Size, int Heads)[] HeadsOf = [("tiny", 3), ("small", 6), ("base", 12), ("large", 16), ("huge", 16)];

    public override string Name => "timm's vit";
    private protected override Regex Architectures => new(@"^(vit|deit3?)_(tiny|small|base|large|huge)_patch\d+_\d+", RegexOptions.CultureInvariant);

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        RequireUnchanged(config, "token");
        var name = config.Text("architecture")!;
        var (D, C, P) = (Size(weights, "patch_embed.proj.weight", 0, 4), Size(weights, "patch_embed.proj.weight", 1, 4), Size(weights, "patch_embed.proj.weight", 2, 4));
        var (layers, F, classes) = (Count(weights, i => $"blocks.{i}.norm1.weight"), Size(weights, "blocks.0.mlp.fc1.weight", 0, 2), Size(weights, "head.weight", 0, 2));
        var scaled = weights.ShapeOf("blocks.0.ls1.gamma") is not null;
        var model = new VitConfig
        {
            Patch = P, Layers = layers, Width = D, Heads = config.Inner("model_args")?.OptionalInt("num_heads", 1) ?? HeadsOf.First(one => name.Contains($"_{one.Size}_")).Heads,
            FeedForward = new GeluConfig { Width = F == 4 * D ? null : F }, LayerScale = scaled ? 1e-6 : null,
        };
        if (D % model.Heads != 0) throw config.Error("architecture", $"({name}) has {model.Heads} heads, which must divide the weights' width ({D})");
        var sizes = new LayoutSizes(0, classes, Image(config, C, classes));
        ForeignImages.RequireDivisible(config, sizes.Image.Size, P);
        return new(model, sizes, [.. Rows(model, sizes, scaled, weights.ShapeOf("pos_embed") is [1, var rows, _] && rows == (long)(sizes.Image.Size / P) * (sizes.Image.Size / P))]);
    }

    static IEnumerable<WeightRow> Rows(VitConfig model, LayoutSizes sizes, bool scaled, bool patchesOnly)
    {
        var (D, F, P) = (model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width), model.Patch);
        yield return new("cls_token", Custom.Reshaped([D], 1, 1, D), new ForeignTensor("cls_token", 1, 1, D));
        yield return patchesOnly ? PatchPositions(sizes.Image.Size / P, D) : VitLayout.Positions("pos_embed", sizes.Image.Size / P, D);
        foreach (var row in VitLayout.Layer("patch_emb", "patch_embed.proj", D, sizes.Image.Channels, P, P)) yield return row;
        IEnumerable<WeightRow> scales = scaled ? [new("blocks.*.scale1.weight", WeightChange.Same, new ForeignTensor("blocks.*.ls1.gamma", D)), new("blocks.*.scale2.weight", WeightChange.Same, new ForeignTensor("blocks.*.ls2.gamma", D))] : [];
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            .. VitLayout.Layer("blocks.*.norm1", "blocks.*.norm1", D), .. VitLayout.Layer("blocks.*.attn.qkv", "blocks.*.attn.qkv", 3 * D, D), .. VitLayout.Layer("blocks.*.attn.proj", "blocks.*.attn.proj", D, D),
            .. VitLayout.Layer("blocks.*.norm2", "blocks.*.norm2", D), .. VitLayout.Layer("blocks.*.mlp.up", "blocks.*.mlp.fc1", F, D), .. VitLayout.Layer("blocks.*.mlp.down", "blocks.*.mlp.fc2", D, F), .. scales,
        ])) yield return row;
        foreach (var row in VitLayout.Layer("norm", "norm", D)) yield return row;
        foreach (var row in VitLayout.Layer("head", "head", sizes.Classes, D)) yield return row;
    }

    // DeiT III adds positions to patches alone.
    static WeightRow PatchPositions(int side, long D) => new(["pos_emb.cls", "pos_emb.weight"],
        new Custom(_ => throw new NotSupportedException("timm's layouts are not written"), table => [zeros(D), table[0].reshape(side, side, D)]), new ForeignTensor("pos_embed", 1, side * side, D));
}

/// <summary>timm's SwinTransformer, and the original one by the paper's authors.</summary>
sealed class TimmSwinLayout : TimmLayout
{
    public override string Name => "timm's swin";
    private protected override Regex Architectures => new(@"^swin_(tiny|small|base|large|s3)", RegexOptions.CultureInvariant);

    public override ForeignModel Read(ForeignConfig config, WeightFiles weights)
    {
        RequireUnchanged(config, "avg");
        var (C, channels, P) = (Size(weights, "patch_embed.proj.weight", 0, 4), Size(weights, "patch_embed.proj.weight", 1, 4), Size(weights, "patch_embed.proj.weight", 2, 4));
        var stages = Count(weights, stage => $"layers.{stage}.blocks.0.norm1.weight");
        if (stages > 8) throw new UserException($"the weights have {stages} stages, but at most 8 are supported");
        var head = weights.ShapeOf("head.fc.weight") is null ? "head" : "head.fc";
        var (classes, side) = (Size(weights, $"{head}.weight", 0, 2), (int)Math.Round(Math.Sqrt(Size(weights, "layers.0.blocks.0.attn.relative_position_bias_table", 0, 2))));
        var model = new SwinConfig
        {
            Patch = P, Width = C, Window = (side + 1) / 2, Padding = WindowPadding.Zeros,
            Layers = [.. Enumerable.Range(0, stages).Select(stage => Count(weights, layer => $"layers.{stage}.blocks.{layer}.norm1.weight"))],
            Heads = [.. Enumerable.Range(0, stages).Select(stage => Size(weights, $"layers.{stage}.blocks.0.attn.relative_position_bias_table", 1, 2))],
        };
        var sizes = new LayoutSizes(0, classes, Image(config, channels, classes));
        // The library moved the merge from the end of a stage to the beginning of the next.
        var merges = weights.ShapeOf("layers.0.downsample.norm.weight") is null ? 1 : 0;
        return new(model, sizes, [.. Rows(model, sizes, head, merges)]) { Ignored = new Regex(@"\.(relative_position_index|attn_mask)$", RegexOptions.CultureInvariant) };
    }

    static IEnumerable<WeightRow> Rows(SwinConfig model, LayoutSizes sizes, string head, int merges)
    {
        var (P, C, table) = (model.Patch, model.Width, (2 * model.Window - 1) * (2 * model.Window - 1));
        foreach (var row in VitLayout.Layer("patch_emb", "patch_embed.proj", C, sizes.Image.Channels, P, P)) yield return row;
        foreach (var row in VitLayout.Layer("patch_norm", "patch_embed.norm", C)) yield return row;
        for (int stage = 0, first = 0; stage < model.Layers.Count; first += model.Layers[stage++])
        {
            var (D, theirs) = (model.WidthAt(stage), $"layers.{stage}.blocks.*");
            WeightRow[] rows =
            [
                .. VitLayout.Layer("blocks.*.norm1", $"{theirs}.norm1", D), .. VitLayout.Layer("blocks.*.attn.qkv", $"{theirs}.attn.qkv", 3 * D, D),
                new("blocks.*.pos_bias.table", WeightChange.Same, new ForeignTensor($"{theirs}.attn.relative_position_bias_table", table, model.Heads[stage])),
                .. VitLayout.Layer("blocks.*.attn.proj", $"{theirs}.attn.proj", D, D), .. VitLayout.Layer("blocks.*.norm2", $"{theirs}.norm2", D),
                .. VitLayout.Layer("blocks.*.mlp.up", $"{theirs}.mlp.fc1", 4 * D, D), .. VitLayout.Layer("blocks.*.mlp.down", $"{theirs}.mlp.fc2", D, 4 * D),
            ];
            for (var layer = 0; layer < model.Layers[stage]; layer++)
                foreach (var row in rows) yield return row.At($"{first + layer}", $"{layer}");
            if (stage == model.Layers.Count - 1) break;
            foreach (var row in VitLayout.Layer($"merges.{stage}.norm", $"layers.{stage + merges}.downsample.norm", 4 * D)) yield return row;
            yield return new($"merges.{stage}.reduction.weight", WeightChange.Same, new ForeignTensor($"layers.{stage + merges}.downsample.reduction.weight", 2 * D, 4 * D));
        }
        var last = model.WidthAt(model.Layers.Count - 1);
        foreach (var row in VitLayout.Layer("norm", "norm", last)) yield return row;
        foreach (var row in VitLayout.Layer("head", head, sizes.Classes, last)) yield return row;
    }
}
