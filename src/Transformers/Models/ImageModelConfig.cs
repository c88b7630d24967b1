using Transformers.Configs;
using Transformers.IO;

namespace Transformers.Models;

/// <summary>A network over images.</summary>
public abstract record ImageModelConfig : ModelConfig
{
    /// <summary>Pixels a side of the images; by default <c>data.input.size</c>. Presets of published models give it.</summary>
    [Between(1, 4096)]
    public int? Size { get; init; }

    /// <summary>The number of channels C of the images; by default <c>data.input.channels</c>.</summary>
    [Between(1, 1024)]
    public int? Channels { get; init; }

    /// <summary>The number of classes N; by default as many as the data have.</summary>
    [Between(1, 10_000_000)]
    public int? Classes { get; init; }
}

/// <summary>What goes into a network over images, and what comes out.</summary>
/// <param name="Size">Pixels a side.</param>
/// <param name="Channels">The number of channels C.</param>
/// <param name="Classes">The number of classes N.</param>
public readonly record struct ImageShape(int Size, int Channels, int Classes)
{
    /// <summary>What a config says by itself.</summary>
    /// <exception cref="UserException">It leaves something to the data.</exception>
    public static ImageShape Of(ImageModelConfig config) => new(
        config.Size ?? throw Missing("size"), config.Channels ?? 3, config.Classes ?? throw Missing("classes"));

    static UserException Missing(string key) => new(
        [new Problem($"model.{key} is not given, and there are no data to take it from", Path: $"model.{key}", Hint: "add it, or give a config with data too")]);
}
