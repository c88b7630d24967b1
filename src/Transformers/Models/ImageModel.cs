using TorchSharp;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A network that tells the class of an image.</summary>
public abstract class ImageModel : nn.Module<Tensor, Tensor>, ILayered, IAdaptsWeights
{
    /// <summary>A network for images and classes.</summary>
    protected ImageModel(string name, ImageShape shape) : base(name) => Shape = shape;

    /// <summary>The network that a config asks for, with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The network does not fit the images.</exception>
    public static ImageModel Create(ImageModelConfig config, ImageShape shape, Generator? generator = null) => config switch
    {
        VitConfig vit => new Vit(vit, shape, generator),
        SwinConfig swin => new Swin(swin, shape, generator),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a network over images without a class"),
    };

    /// <summary>What goes in and what comes out.</summary>
    public ImageShape Shape { get; }

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <returns>[B, N].</returns>
    public override Tensor forward(Tensor images) => Logits(images);

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Takes attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N].</returns>
    public abstract Tensor Logits(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default);

    /// <summary>What the scores are read from: the pooled output of the last layer.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Takes attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, D] of the last layer's width.</returns>
    public abstract Tensor Features(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default);

    /// <inheritdoc/>
    public abstract int Depth { get; }

    /// <inheritdoc/>
    public abstract int DepthOf(string parameter);

    /// <inheritdoc/>
    public abstract Tensor? Adapt(string parameter, Tensor stored, long[] shape);
}
