using System.Text;
using System.Text.Json.Serialization;

namespace Transformers.Evaluation.Scoring;

/// <summary>A text to score.</summary>
/// <param name="Text">The text whose tokens are scored.</param>
/// <param name="Source">What it is the target of, for an encoder-decoder.</param>
public sealed record ScoreInput(string Text, string? Source = null);

/// <summary>How probable a model finds a text: what <c>score --json</c> prints, a line a text.</summary>
public sealed record TextScore
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.score/1";
    /// <summary><c>log_likelihood</c>, or <c>pseudo_log_likelihood</c> where each token was guessed from all others.</summary>
    public required string Measure { get; init; }
    /// <summary>The source, for an encoder-decoder.</summary>
    public string? Source { get; init; }
    /// <summary>The text.</summary>
    public required string Text { get; init; }
    /// <summary>Its tokens; a target's end is the last.</summary>
    public required IReadOnlyList<int> Ids { get; init; }
    /// <summary>The tokens as text; bytes that are no text of their own are U+FFFD.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }
    /// <summary>The natural logarithm of each token's probability; null for a first token with nothing before it.</summary>
    public required IReadOnlyList<double?> LogProbabilities { get; init; }

    /// <summary>The number of tokens that have a probability.</summary>
    public int Scored => LogProbabilities.Count(one => one is not null);
    /// <summary>The sum of the logarithms, in nats.</summary>
    public double Sum => LogProbabilities.Sum(one => one ?? 0);
    /// <summary>Nats a scored token, as <c>eval</c> has it; null for a text without one.</summary>
    public double? Loss => Scored == 0 ? null : -Sum / Scored;
    /// <summary>e to the loss.</summary>
    public double? Perplexity => Loss is { } loss ? Math.Exp(loss) : null;
    /// <summary>Bits a byte of the text in UTF-8: the loss times its tokens.</summary>
    public double? BitsPerByte => Loss is { } loss && Bytes > 0 ? loss * Ids.Count / Bytes / Math.Log(2) : null;

    /// <summary>The text's length in UTF-8.</summary>
    [JsonIgnore]
    public int Bytes => Encoding.UTF8.GetByteCount(Text);
}
