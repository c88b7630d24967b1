using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A vision transformer with attention within windows, and a grid that gets coarser with each stage.</summary>
/// <remarks>Liu et al. 2021, section 3.</remarks>
[Kind("swin")]
public sealed record SwinConfig : StagedImageModelConfig, IChecked
{
    /// <summary>The side P of a patch in the first stage, in pixels.</summary>
    [Between(1, 4096)]
    public int Patch { get; init; } = 4;

    /// <summary>The width C of the first stage; each further stage has twice the width of the one before.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The number of blocks of each stage; windows are shifted in every second one.</summary>
    [NotEmpty, Between(1, 10_000)]
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>The number of attention heads of each stage; it divides the stage's width.</summary>
    [NotEmpty, Between(1, 10_000)]
    public required IReadOnlyList<int> Heads { get; init; }

    /// <summary>The side W of a window, in patches.</summary>
    [Between(1, 4096)]
    public int Window { get; init; } = 7;

    /// <summary>What attention sees in the padding of windows at the image's edge.</summary>
    public WindowPadding Padding { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig();

    /// <summary>What is dropped during training.</summary>
    public ImageDropConfig Drop { get; init; } = new();

    /// <summary>How weights are initialised.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInitConfig();

    /// <summary>The width of a stage.</summary>
    /// <param name="stage">From 0.</param>
    public int WidthAt(int stage) => checked(Width << stage);

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "window"];

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        long B = batch.Rows, side = (sizes.Image.Size + Patch - 1) / Patch;
        products.Matrix(B * side * side, (long)sizes.Image.Channels * Patch * Patch, Width);
        for (var stage = 0; stage < Layers.Count; stage++)
        {
            var (D, layers) = (WidthAt(stage), Layers[stage]);
            if (stage > 0)
            {
                side = (side + 1) / 2;
                products.Matrix(B * side * side, 2 * D, D); // four neighbours of half the width
            }
            // A shift changes where windows are cut, not how many there are.
            var windows = Windows.Of(side, side, Window, shifted: false);
            products.SelfAttention(B * windows.Count, windows.Positions, D, Heads[stage], Heads[stage], layers);
            products.FeedForward(B * side * side, D, FeedForward, layers);
        }
        products.Matrix(B, WidthAt(Layers.Count - 1), sizes.Classes);
    }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Layers.Count <= 8, "layers", $"must be at most 8 stages, not {Layers.Count}");
        check.That(Heads.Count == Layers.Count, "heads", $"must name as many stages ({Heads.Count}) as {check.At("layers")} ({Layers.Count})");
        if (Heads.Count != Layers.Count || Layers.Count > 8) return;
        for (var stage = 0; stage < Heads.Count; stage++)
            check.That(WidthAt(stage) % Heads[stage] == 0, $"heads[{stage}]",
                $"({Heads[stage]}) must divide the stage's width, {check.At("width")} · 2^{stage} ({WidthAt(stage)})");
        check.That(Norm.Placement == NormPlacement.Pre, "norm.placement", "must be pre for swin");
    }
}

/// <summary>What attention sees in the padding of windows at the image's edge.</summary>
public enum WindowPadding
{
    /// <summary>Nothing: it is masked.</summary>
    Masked,
    /// <summary>Tokens of zeros, whose keys and values are the projection's biases, as in the published implementation for detection.</summary>
    Zeros,
}

/// <summary>The Swin transformer: attention within windows that shift from block to block, over a grid that gets coarser.</summary>
/// <remarks>Liu et al. 2021, section 3 and figure 3a. Images may have any size; patches and windows need not divide their sides.</remarks>
public sealed class Swin : ImageModel
{
    readonly SwinConfig config;
    [ComponentName(Name = "patch_emb")]
    readonly PatchEmbedding patches;
    [ComponentName(Name = "patch_norm")]
    readonly Norm patchNorm;
    readonly Dropout dropout;
    readonly ModuleList<SwinBlock> blocks;
    readonly ModuleList<PatchMerging> merges;
    readonly Norm norm;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The random stream for the weights.</param>
    public Swin(SwinConfig config, ImageShape shape, Generator? generator = null) : base(nameof(Swin), shape)
    {
        this.config = config;
        var stages = config.Layers.Count;
        patches = new PatchEmbedding(shape.Channels, config.Patch, config.Width);
        patchNorm = new Norm(config.Norm, config.Width);
        dropout = new Dropout(config.Drop.Activations);
        blocks = nn.ModuleList(Enumerable.Range(0, stages).SelectMany(stage => Enumerable.Range(0, config.Layers[stage]).Select(layer => MakeBlock(stage, layer))).ToArray());
        merges = nn.ModuleList(Enumerable.Range(0, stages - 1).Select(stage => new PatchMerging(config.Norm, config.WidthAt(stage))).ToArray());
        norm = new Norm(config.Norm, config.WidthAt(stages - 1));
        head = new Linear(config.WidthAt(stages - 1), shape.Classes);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, BlockCount, generator);
    }

    int BlockCount => config.Layers.Sum();

    SwinBlock MakeBlock(int stage, int layer)
    {
        var (width, heads) = (config.WidthAt(stage), config.Heads[stage]);
        var path = config.Drop.PathAt(config.Layers.Take(stage).Sum() + layer, BlockCount);
        return new SwinBlock(
            new Attention(width, heads, dropout: config.Drop.Attention),
            new WindowPositionBias(config.Window, heads),
            new FeedForward(config.FeedForward, width, dropout: config.Drop.Activations),
            () => new Residual(config.Norm, width, dropout: config.Drop.Activations, path: new DropPath(path)),
            config.Window, shifted: layer % 2 == 1, config.Padding);
    }

    /// <inheritdoc/>
    public override int Depth => BlockCount + 1;

    /// <inheritdoc/>
    public override Tensor Logits(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default) => head.call(Features(images, recorder, random));

    // The pooled output of the last block.
    Tensor Features(Tensor images, AttentionRecorder? recorder, RandomPosition random) => Grid(images, recorder, random).mean([1L, 2L]);     // [B, D]

    /// <summary>The output of the last stage.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, rows, columns, D] of the last stage's grid and width.</returns>
    public Tensor Grid(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var x = patchNorm.call(patches.call(FillPatches(images)));                                // [B, Y, X, D]
        x = dropout.forward(x, random);
        var block = 0;
        for (var stage = 0; stage < config.Layers.Count; stage++)
        {
            if (stage > 0) x = merges[stage - 1].call(x);                                         // [B, Y/2, X/2, 2D]
            for (var layer = 0; layer < config.Layers[stage]; layer++) x = blocks[block++].forward(x, recorder, random);
        }
        return norm.call(x);
    }

    // A side that patches do not divide is padded with zeros at the bottom or at the right.
    Tensor FillPatches(Tensor images)
    {
        var (_, _, height, width) = images.Dims4();
        var (down, right) = ((config.Patch - height % config.Patch) % config.Patch, (config.Patch - width % config.Patch) % config.Patch);
        return down + right == 0 ? images : nn.functional.pad(images, [0, right, 0, down]);
    }

    /// <inheritdoc/>
    public override int DepthOf(string parameter)
    {
        if (!parameter.StartsWith("merges.", StringComparison.Ordinal)) return LayerNames.DepthOf(parameter, Depth);
        // A merge is as deep as the last block before it.
        var merge = int.Parse(parameter.Split('.')[1], CultureInfo.InvariantCulture);
        return config.Layers.Take(merge + 1).Sum();
    }

    /// <inheritdoc/>
    public override Tensor? Adapt(string parameter, Tensor stored, long[] shape)
    {
        if (parameter.StartsWith("head.", StringComparison.Ordinal)) return null;
        if (parameter.EndsWith("pos_bias.table", StringComparison.Ordinal) && stored.dim() == 2 && stored.size(1) == shape[1])
            return WindowPositionBias.Interpolate(stored.to(ScalarType.Float32), shape[0]);
        throw LayerNames.Misfit(parameter, stored, shape);
    }
}

/// <summary>Merges each two by two patches of a grid into one of twice the width.</summary>
/// <remarks>Liu et al. 2021, section 3.1. An odd side is padded with zeros, as the published implementation for detection does.</remarks>
public sealed class PatchMerging : nn.Module<Tensor, Tensor>
{
    readonly Norm norm;
    readonly Linear reduction;

    /// <summary>Creates a layer; the model that contains it initialises the weights.</summary>
    /// <param name="config">The norm.</param>
    /// <param name="width">The width D of the input.</param>
    public PatchMerging(NormConfig config, int width) : base(nameof(PatchMerging))
    {
        norm = new Norm(config, 4 * width);
        reduction = new Linear(4 * width, 2 * width, hasBias: false);
        RegisterComponents();
    }

    /// <summary>Merges the patches.</summary>
    /// <param name="x">[B, Y, X, D].</param>
    /// <returns>[B, ⌈Y/2⌉, ⌈X/2⌉, 2D].</returns>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (B, Y, X, D) = x.Dims4();
        if (Y % 2 + X % 2 > 0) x = nn.functional.pad(x, [0, 0, 0, X % 2, 0, Y % 2]);
        // The order of the four parts is column by column: top left, bottom left, top right, bottom right.
        x = x.reshape(B, (Y + 1) / 2, 2, (X + 1) / 2, 2, D).permute(0, 1, 3, 4, 2, 5).reshape(B, (Y + 1) / 2, (X + 1) / 2, 4 * D);
        return reduction.call(norm.call(x)).MoveToOuterDisposeScope();
    }
}
