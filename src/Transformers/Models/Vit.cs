using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer on the patches of an image that classifies it.</summary>
/// <remarks>Dosovitskiy et al. 2021, section 3.1. Regularisation as in Touvron et al. 2021 (DeiT).</remarks>
[Kind("vit")]
public sealed record VitConfig : PatchModelConfig, IImageModelConfig
{
    /// <inheritdoc/>
    public int? Size { get; init; }

    /// <inheritdoc/>
    public int? Channels { get; init; }

    /// <inheritdoc/>
    public int? Classes { get; init; }

    /// <summary>The side P of a patch, in pixels; with 1, every pixel is a token.</summary>
    [Between(1, 4096)]
    public required int Patch { get; init; }

    /// <summary>LayerScale: the initial value of a learned factor on each dimension of each sublayer's output; none by default.</summary>
    [Between(1e-8, 1)]
    public double? LayerScale { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), .. ImageSettings.Free];

    /// <inheritdoc/>
    public override ModelConfig WithData(DataConfig data) => data is ImageDataConfig images ? this with { Size = Size ?? images.Input.Size } : this;

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        long side = sizes.Image.Size / Patch;
        AddAll(products, batch.Rows, side * side, (long)sizes.Image.Channels * Patch * Patch, sizes.Classes);
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is not ImageDataConfig images) return;
        ImageSettings.Check(this, check, images);
        check.That(images.Input.Size % Patch == 0, "model.patch", $"({Patch}) must divide data.input.size ({images.Input.Size})");
    }

    /// <inheritdoc/>
    public override void Check(ConfigCheck check)
    {
        base.Check(check);
        if (Size is { } size)
            check.That(size % Patch == 0, "size", $"({size}) must be divisible by {check.At("patch")} ({Patch})");
    }
}

/// <summary>The vision transformer: an image is a sequence of patches.</summary>
/// <remarks>
/// Dosovitskiy et al. 2021, section 3.1 and figure 1. The mean of all patches, instead of the class token, is computed after the last
/// norm, as Zhai et al. 2022 do. Dropout, stochastic depth and LayerScale are Touvron et al. 2021's.
/// </remarks>
public sealed class Vit : ImageModel
{
    readonly VitConfig config;
    [ComponentName(Name = "patch_emb")]
    readonly PatchEmbedding patches;
    [ComponentName(Name = "cls_token")]
    readonly Parameter? classToken;
    [ComponentName(Name = "pos_emb")]
    readonly ImagePositions positions;
    readonly Dropout dropout;
    readonly ModuleList<Block> blocks;
    readonly Norm? norm;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The patch does not divide the image.</exception>
    public Vit(VitConfig config, ImageShape shape, Generator? generator = null) : base(nameof(Vit), shape)
    {
        if (shape.Size % config.Patch != 0)
            throw new UserException($"the images' side ({shape.Size}) must be divisible by model.patch ({config.Patch})");
        this.config = config;
        patches = new PatchEmbedding(shape.Channels, config.Patch, config.Width);
        classToken = config.Pool == ImagePooling.Cls ? nn.Parameter(zeros(config.Width)) : null;
        positions = ImagePositions.Create(config.Positions, shape.Size / config.Patch, config.Width, classToken is not null);
        dropout = new Dropout(config.Drop.Activations);
        blocks = PatchBlocks.Create(config, config.LayerScale);
        norm = config.Norm.Placement == NormPlacement.Pre ? new Norm(config.Norm, config.Width) : null;
        head = new Linear(config.Width, shape.Classes);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    /// <inheritdoc/>
    public override int Depth => config.Layers + 1;

    /// <inheritdoc/>
    public override Tensor Logits(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default) => head.call(Features(images, recorder, random));

    // The pooled output of the last block.
    Tensor Features(Tensor images, AttentionRecorder? recorder, RandomPosition random)
    {
        var x = Tokens(images, recorder, random);                                   // [B, T, D]
        return classToken is null ? x.mean([1L]) : x.select(1, 0);                  // [B, D]
    }

    /// <summary>The output for each token: the class token first, if there is one, then the patches row by row.</summary>
    /// <param name="images">[B, C, Y·P, X·P], normalised.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor Tokens(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var grid = patches.call(images);                                            // [B, Y, X, D]
        var (B, Y, X, D) = grid.Dims4();
        var x = positions.Embed(grid.view(B, Y * X, D), Y, X);                      // [B, Y·X, D]
        if (classToken is not null)
            x = cat([positions.EmbedClass(classToken).to(x.dtype).expand(B, 1, D), x], 1);      // [B, 1 + Y·X, D]
        x = dropout.forward(x, random);
        for (var layer = 0; layer < config.Layers; layer++)
            x = blocks[layer].forward(x, new AttentionInput(Recorder: recorder, Random: random));
        return norm is null ? x : norm.call(x);
    }

    /// <inheritdoc/>
    public override int DepthOf(string parameter) => LayerNames.DepthOf(parameter, Depth);

    /// <inheritdoc/>
    public override Tensor? Adapt(string parameter, Tensor stored, long[] shape) => PatchBlocks.Adapt(parameter, stored, shape);
}

/// <summary>The parts that transformers over a grid of patches have in common.</summary>
static class PatchBlocks
{
    /// <summary>The stack of blocks.</summary>
    /// <param name="scale">The initial factor on each sublayer's output (LayerScale); null for none.</param>
    internal static ModuleList<Block> Create(PatchModelConfig config, double? scale = null) => nn.ModuleList(Enumerable.Range(0, config.Layers).Select(layer => new Block(
        new Attention(config.Width, config.Heads, dropout: config.Drop.Attention),
        new FeedForward(config.FeedForward, config.Width, dropout: config.Drop.Activations),
        () => new Residual(config.Norm, config.Width, dropout: config.Drop.Activations,
            scale: scale is { } start ? new LayerScale(config.Width, start) : null,
            path: new DropPath(config.Drop.PathAt(layer, config.Layers))))).ToArray());

    /// <summary>Adapts the weights of a network with another grid or other classes: positions are interpolated, and the head starts from scratch.</summary>
    /// <exception cref="UserException">The two do not fit.</exception>
    internal static Tensor? Adapt(string parameter, Tensor stored, long[] shape)
    {
        if (parameter.StartsWith("head.", StringComparison.Ordinal)) return null;
        if (parameter == "pos_emb.weight" && stored.dim() == 3 && stored.size(2) == shape[2])
            return LearnedGrid.Interpolate(stored.to(ScalarType.Float32), shape[0], shape[1]);
        throw LayerNames.Misfit(parameter, stored, shape);
    }
}
