using Transformers.Configs;

namespace Transformers.Data;

/// <summary>How training batches are cut from text; closed by <c>kind</c>.</summary>
public abstract record BatchesConfig;

/// <summary>Windows that start anywhere in the text, drawn at random.</summary>
[Kind("random")]
public sealed record RandomBatches : BatchesConfig;

/// <summary>Windows side by side, each token seen once an epoch, in a new order every epoch.</summary>
[Kind("sequential")]
public sealed record SequentialBatches : BatchesConfig;

/// <summary>Windows that are filled with whole documents.</summary>
[Kind("packed")]
public sealed record PackedBatches : BatchesConfig
{
    /// <summary>Whether a token may attend to the documents before its own in the window.</summary>
    public bool Across { get; init; }
}
