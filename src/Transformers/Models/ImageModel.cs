using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>An image model.</summary>
public abstract record ImageModelConfig : ModelConfig
{
    /// <summary>The side of the images, in pixels; by default <c>data.input.size</c>. Presets of published models set it.</summary>
    [Between(1, 4096)]
    public int? Size { get; init; }

    /// <summary>The number of channels C of the images; by default <c>data.input.channels</c>.</summary>
    [Between(1, 1024)]
    public int? Channels { get; init; }

    /// <summary>The number of classes N; by default the number of classes in the data.</summary>
    [Between(1, 10_000_000)]
    public int? Classes { get; init; }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is not ImageDataConfig images) return;
        if (Size is { } size)
            check.That(size == images.Input.Size, "model.size", $"({size}) must be data.input.size ({images.Input.Size})");
        if (Channels is { } channels)
            check.That(channels == images.Input.Channels, "model.channels", $"({channels}) must be data.input.channels ({images.Input.Channels})");
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "size", "classes"];

    /// <inheritdoc/>
    public override ModelConfig WithData(DataConfig data) => data is ImageDataConfig images ? this with { Size = Size ?? images.Input.Size } : this;
}

/// <summary>The sizes of an image model's inputs and outputs.</summary>
/// <param name="Size">The side, in pixels.</param>
/// <param name="Channels">The number of channels C.</param>
/// <param name="Classes">The number of classes N.</param>
public readonly record struct ImageShape(int Size, int Channels, int Classes)
{
    /// <summary>What a config says by itself.</summary>
    /// <exception cref="UserException">It leaves something to the data.</exception>
    public static ImageShape Of(ImageModelConfig config) => new(
        config.Size ?? throw Missing("size"), config.Channels ?? 3, config.Classes ?? throw Missing("classes"));

    static UserException Missing(string key) => new(
        [new Problem($"model.{key} is not given, and there are no data to derive it from", Path: $"model.{key}", Hint: "add it, or give a config that also has data")]);
}

/// <summary>A network that classifies images.</summary>
public abstract class ImageModel : nn.Module<Tensor, Tensor>, ILayered, IAdaptsWeights
{
    /// <summary>A network for images and classes.</summary>
    protected ImageModel(string name, ImageShape shape) : base(name) => Shape = shape;

    /// <summary>Creates the network that a config describes, with freshly initialised weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The network does not fit the images.</exception>
    public static ImageModel Create(ImageModelConfig config, ImageShape shape, Generator? generator = null) => config switch
    {
        VitConfig vit => new Vit(vit, shape, generator),
        SwinConfig swin => new Swin(swin, shape, generator),
        ResnetConfig resnet => new Resnet(resnet, shape, generator),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "an image model without a class"),
    };

    /// <summary>The sizes of inputs and outputs.</summary>
    public ImageShape Shape { get; }

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <returns>[B, N].</returns>
    public override Tensor forward(Tensor images) => Logits(images);

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N].</returns>
    public abstract Tensor Logits(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default);

    /// <summary>What the scores are read from: the pooled output of the last layer.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Records attention weights.</param>
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
