using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>The settings that an image model can take from its data. Their rules and documentation apply to every record that has them.</summary>
public interface IImageModelConfig
{
    /// <summary>The side of the images, in pixels; by default <c>data.input.size</c>. Presets of published models set it.</summary>
    [Between(1, 4096)]
    int? Size { get; }

    /// <summary>The number of channels C of the images; by default <c>data.input.channels</c>.</summary>
    [Between(1, 1024)]
    int? Channels { get; }

    /// <summary>The number of classes N; by default the number of classes in the data.</summary>
    [Between(1, 10_000_000)]
    int? Classes { get; }
}

/// <summary>The rules for the settings of <see cref="IImageModelConfig"/>.</summary>
static class ImageSettings
{
    /// <summary>The settings in which a model may differ from the one whose weights it starts from.</summary>
    internal static readonly string[] Free = ["size", "classes"];

    /// <summary>Checks the settings against the data.</summary>
    internal static void Check(IImageModelConfig model, ConfigCheck check, ImageDataConfig images)
    {
        if (model.Size is { } size)
            check.That(size == images.Input.Size, "model.size", $"({size}) must be data.input.size ({images.Input.Size})");
        if (model.Channels is { } channels)
            check.That(channels == images.Input.Channels, "model.channels", $"({channels}) must be data.input.channels ({images.Input.Channels})");
    }
}

/// <summary>An image model that is made of stages.</summary>
public abstract record StagedImageModelConfig : ModelConfig, IImageModelConfig
{
    /// <inheritdoc/>
    public int? Size { get; init; }

    /// <inheritdoc/>
    public int? Channels { get; init; }

    /// <inheritdoc/>
    public int? Classes { get; init; }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is ImageDataConfig images) ImageSettings.Check(this, check, images);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), .. ImageSettings.Free];

    /// <inheritdoc/>
    public override ModelConfig WithData(DataConfig data) => data is ImageDataConfig images ? this with { Size = Size ?? images.Input.Size } : this;
}

/// <summary>The sizes of an image model's inputs and outputs.</summary>
/// <param name="Size">The side, in pixels.</param>
/// <param name="Channels">The number of channels C.</param>
/// <param name="Classes">The number of classes N.</param>
public readonly record struct ImageShape(int Size, int Channels, int Classes)
{
    /// <summary>The sizes that a config gives by itself.</summary>
    /// <exception cref="UserException">It leaves a size to the data.</exception>
    public static ImageShape Of(IImageModelConfig config) => Of(config, null, null);

    /// <summary>The sizes that a config gives, and those that it leaves to the data.</summary>
    internal static ImageShape Of(IImageModelConfig config, ImageInputConfig? input, int? classes) => new(
        config.Size ?? input?.Size ?? throw Missing("size"), config.Channels ?? input?.Channels ?? 3, config.Classes ?? classes ?? throw Missing("classes"));

    static UserException Missing(string key) => new(
        [new Problem($"model.{key} is not given, and there are no data to derive it from", Path: $"model.{key}", Hint: "add it, or give a config that also has data")]);
}

/// <summary>A network that classifies images.</summary>
public abstract class ImageModel : nn.Module<Tensor, Tensor>, ILayered, IAdaptsWeights
{
    /// <summary>A network for images and classes.</summary>
    protected ImageModel(string name, ImageShape shape) : base(name) => Shape = shape;

    /// <summary>Creates the network that a config describes, with freshly initialised weights.</summary>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The network does not fit the images.</exception>
    public static ImageModel Create(IImageModelConfig config, ImageShape shape, Generator? generator = null) => config switch
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

    /// <inheritdoc/>
    public abstract int Depth { get; }

    /// <inheritdoc/>
    public abstract int DepthOf(string parameter);

    /// <inheritdoc/>
    public abstract Tensor? Adapt(string parameter, Tensor stored, long[] shape);
}
