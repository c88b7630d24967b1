using Transformers.IO;
using Transformers.Reports.Plots;

namespace Transformers.Kinds;

/// <summary>What a kind of model reads.</summary>
public enum ModelInput
{
    /// <summary>Texts.</summary>
    Text,
    /// <summary>Images.</summary>
    Images,
    /// <summary>Series of numbers.</summary>
    Series,
    /// <summary>Recordings.</summary>
    Sounds,
    /// <summary>An image with a text.</summary>
    Pairs,
}

/// <summary>What a picture of a run's attention is drawn for.</summary>
public sealed record AttentionSubject
{
    /// <summary>The text, or the sentence to translate.</summary>
    public string? Text { get; init; }
    /// <summary>The decoder's input; null for the model's own translation.</summary>
    public string? Target { get; init; }
    /// <summary>The image's file.</summary>
    public string? Image { get; init; }
    /// <summary>The recording's file.</summary>
    public string? Sound { get; init; }
    /// <summary>A table of series; null for the run's own.</summary>
    public string? Table { get; init; }
    /// <summary>The name of a series; null for the first.</summary>
    public string? Series { get; init; }
    /// <summary>Which attention of an encoder-decoder.</summary>
    public AttentionPart Part { get; init; }
    /// <summary>Layers and heads.</summary>
    public AttentionChoice Choice { get; init; }

    internal string RequiredText => Text ?? throw new UserException("--text must be given: what the model is to read");
}
