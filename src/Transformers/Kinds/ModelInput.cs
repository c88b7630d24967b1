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
    /// <summary>Time series.</summary>
    Series,
    /// <summary>Recordings.</summary>
    Sounds,
    /// <summary>An image with a text.</summary>
    Pairs,
}

/// <summary>The input for which a run's attention is drawn.</summary>
public sealed record AttentionSubject
{
    /// <summary>The text, or the sentence to translate.</summary>
    public string? Text { get; init; }
    /// <summary>The decoder's input; null for the model's own translation.</summary>
    public string? Target { get; init; }
    /// <summary>The image file.</summary>
    public string? Image { get; init; }
    /// <summary>The audio file.</summary>
    public string? Sound { get; init; }
    /// <summary>A table of series; null for the run's own.</summary>
    public string? Table { get; init; }
    /// <summary>The name of a series; null for the first.</summary>
    public string? Series { get; init; }
    /// <summary>Which attention of an encoder-decoder.</summary>
    public AttentionPart Part { get; init; }
    /// <summary>Layers and heads.</summary>
    public AttentionChoice Choice { get; init; }

    internal string RequiredText => Text ?? throw new UserException("--text must be given, for the model to read");
}
