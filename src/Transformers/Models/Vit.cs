using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer on the patches of an image that classifies it.</summary>
/// <remarks>Dosovitskiy et al. 2021, section 3.1. Regularisation as in Touvron et al. 2021 (DeiT).</remarks>
[Kind("vit")]
public sealed record VitConfig : ImageModelConfig, IChecked
{
    /// <summary>The side P of a patch, in pixels; with 1, every pixel is a token.</summary>
    [Between(1, 4096)]
    public required int Patch { get; init; }

    /// <summary>The number of blocks L.</summary>
    [Between(1, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>How the model encodes the positions of patches.</summary>
    public ImagePositionsConfig Positions { get; init; } = new LearnedImagePositionsConfig();

    /// <summary>The vector from which the class is predicted.</summary>
    public ImagePooling Pool { get; init; }

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig { Epsilon = 1e-6 };

    /// <summary>What is dropped during training.</summary>
    public ImageDropConfig Drop { get; init; } = new();

    /// <summary>LayerScale: the initial value of a learned factor on each dimension of each sublayer's output; none by default.</summary>
    [Between(1e-8, 1)]
    public double? LayerScale { get; init; }

    /// <summary>How weights are initialised.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInitConfig();

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "layers", "pool"];

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        long B = batch.Rows, side = sizes.Image.Size / Patch, patches = side * side, D = Width;
        var T = patches + (Pool == ImagePooling.Cls ? 1 : 0);
        products.Matrix(B * patches, (long)sizes.Image.Channels * Patch * Patch, D);
        products.SelfAttention(B, T, D, Heads, Heads, Layers);
        products.FeedForward(B * T, Width, FeedForward, Layers);
        products.Matrix(B, D, sizes.Classes);
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        base.CheckData(check, data);
        if (data is ImageDataConfig images)
            check.That(images.Input.Size % Patch == 0, "model.patch", $"({Patch}) must divide data.input.size ({images.Input.Size})");
    }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Width % Heads == 0, "width", $"({Width}) must be divisible by {check.At("heads")} ({Heads})");
        if (Size is { } size)
            check.That(size % Patch == 0, "size", $"({size}) must be divisible by {check.At("patch")} ({Patch})");
        if (Positions is SinusoidalImagePositionsConfig)
            check.That(Width % 4 == 0, "width", $"({Width}) must be divisible by 4 for sinusoidal positions in two dimensions");
    }
}

/// <summary>What the class of an image is read from.</summary>
public enum ImagePooling
{
    /// <summary>A class token before the patches.</summary>
    Cls,
    /// <summary>The mean of all patches.</summary>
    Mean,
}

/// <summary>What an image model drops during training.</summary>
public sealed record ImageDropConfig
{
    /// <summary>The dropout rate of activations, after each dense layer except attention's first.</summary>
    [Between(0, 1, Below = true)]
    public double Activations { get; init; }

    /// <summary>The dropout rate of attention weights.</summary>
    [Between(0, 1, Below = true)]
    public double Attention { get; init; }

    /// <summary>Stochastic depth: the probability that an image skips a sublayer of the last block; it rises linearly from 0 at the first block.</summary>
    [Between(0, 1, Below = true)]
    public double Path { get; init; }

    /// <summary>The probability of skipping a sublayer of a block.</summary>
    /// <param name="block">The block, from 0.</param>
    /// <param name="blocks">The number of blocks.</param>
    public double PathAt(int block, int blocks) => blocks == 1 ? Path : Path * block / (blocks - 1);
}

/// <summary>The vision transformer: an image is a sequence of patches.</summary>
/// <remarks>
/// Dosovitskiy et al. 2021, section 3.1 and figure 1. The mean of all patches, instead of the class token, is taken after the last
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
    /// <param name="config">The network.</param>
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
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(MakeBlock).ToArray());
        norm = config.Norm.Placement == NormPlacement.Pre ? new Norm(config.Norm, config.Width) : null;
        head = new Linear(config.Width, shape.Classes);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    Block MakeBlock(int layer) => new(
        new Attention(config.Width, config.Heads, dropout: config.Drop.Attention),
        new FeedForward(config.FeedForward, config.Width, dropout: config.Drop.Activations),
        () => new Residual(config.Norm, config.Width, dropout: config.Drop.Activations,
            scale: config.LayerScale is { } start ? new LayerScale(config.Width, start) : null,
            path: new DropPath(config.Drop.PathAt(layer, config.Layers))));

    /// <inheritdoc/>
    public override int Depth => config.Layers + 1;

    /// <inheritdoc/>
    public override Tensor Logits(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default) => head.call(Features(images, recorder, random));

    /// <inheritdoc/>
    public override Tensor Features(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var x = Tokens(images, recorder, random);                                   // [B, T, D]
        return classToken is null ? x.mean([1L]) : x.select(1, 0);                  // [B, D]
    }

    /// <summary>The output for each token: the class token first, where there is one, then the patches row by row.</summary>
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
    public override Tensor? Adapt(string parameter, Tensor stored, long[] shape)
    {
        if (parameter.StartsWith("head.", StringComparison.Ordinal)) return null;
        if (parameter == "pos_emb.weight" && stored.dim() == 3 && stored.size(2) == shape[2])
            return LearnedGrid.Interpolate(stored.to(ScalarType.Float32), shape[0], shape[1]);
        throw LayerNames.Misfit(parameter, stored, shape);
    }
}
