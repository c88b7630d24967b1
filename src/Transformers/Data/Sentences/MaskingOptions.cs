namespace Transformers.Data.Sentences;

/// <summary>How tokens are hidden for masked-token pretraining; the defaults are BERT's.</summary>
public sealed record MaskingOptions
{
    /// <summary>The share of a text's tokens that are to be guessed, at least one.</summary>
    public double Share { get; init; } = 0.15;
    /// <summary>The share of these that are replaced by the mask token.</summary>
    public double Masked { get; init; } = 0.8;
    /// <summary>The share of these that are replaced by a random ordinary token; the rest stay as they are.</summary>
    public double Random { get; init; } = 0.1;
    /// <summary>Whether all tokens of a word are chosen together.</summary>
    public bool WholeWords { get; init; }
    /// <summary>The seed of the choice.</summary>
    public ulong Seed { get; init; }
}
