using System.Globalization;
using TorchSharp;
using TorchSharp.Modules;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>The Swin transformer: attention within windows that shift from block to block, over a grid that coarsens.</summary>
/// <remarks>Liu et al. 2021, section 3 and figure 3a. Images of any size go in; their sides need not divide.</remarks>
public sealed class Swin : ImageModel
{
    readonly SwinConfig config;
    readonly PatchEmbedding patches;
    readonly Norm patchNorm;
    readonly Dropout dropout;
    readonly ModuleList<SwinBlock> blocks;
    readonly ModuleList<PatchMerging> merges;
    readonly Norm norm;
    readonly Linear head;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
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

    /// <inheritdoc/>
    public override Tensor Features(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default) => Grid(images, recorder, random).mean([1L, 2L]);     // [B, D]

    /// <summary>The output of the last stage.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Takes attention weights.</param>
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

    // A side that patches do not divide is filled up with zeros at the bottom and at the right.
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
        if (parameter.EndsWith("positions.table", StringComparison.Ordinal) && stored.dim() == 2 && stored.size(1) == shape[1])
            return WindowPositionBias.Interpolate(stored.to(ScalarType.Float32), shape[0]);
        throw LayerNames.Misfit(parameter, stored, shape);
    }
}
