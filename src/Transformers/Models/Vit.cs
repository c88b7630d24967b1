using TorchSharp;
using TorchSharp.Modules;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>The vision transformer: an image is a sequence of patches.</summary>
/// <remarks>
/// Dosovitskiy et al. 2021, section 3.1 and figure 1. The mean of patches in place of the class token is taken after the last
/// norm, as Zhai et al. 2022 do. Dropout, stochastic depth and LayerScale are Touvron et al. 2021's.
/// </remarks>
public sealed class Vit : ImageModel
{
    readonly VitConfig config;
    readonly PatchEmbedding patches;
    readonly Parameter? classToken;
    readonly ImagePositions positions;
    readonly Dropout dropout;
    readonly ModuleList<Block> blocks;
    readonly Norm? norm;
    readonly Linear head;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
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
    /// <param name="recorder">Takes attention weights.</param>
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
        if (parameter == "positions.table" && stored.dim() == 3 && stored.size(2) == shape[2])
            return LearnedGrid.Interpolate(stored.to(ScalarType.Float32), shape[0], shape[1]);
        throw LayerNames.Misfit(parameter, stored, shape);
    }
}
