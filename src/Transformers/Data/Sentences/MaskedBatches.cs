using Transformers.IO;

namespace Transformers.Data.Sentences;

/// <summary>Texts with some tokens hidden.</summary>
/// <param name="Texts">The padded texts with hidden tokens.</param>
/// <param name="Targets">The token that stood there where one is to be guessed, <see cref="IgnoreIndex"/> elsewhere [B, S].</param>
public sealed record MaskedBatch(PaddedTexts Texts, long[] Targets)
{
    /// <summary>Stands where nothing is to be guessed; cross entropy leaves it out by default.</summary>
    public const long IgnoreIndex = -100;

    /// <summary>Tokens to be guessed: what a mean loss divides by.</summary>
    public int Guesses => Targets.Count(t => t != IgnoreIndex);
}

/// <summary>Makes batches with hidden tokens from texts of like length; a batch is a function of its position alone.</summary>
/// <param name="tokens">The framed texts.</param>
/// <param name="special">The framing ids.</param>
/// <param name="masking">Hides the tokens.</param>
/// <param name="options">The size of batches and their order.</param>
/// <exception cref="UserException">There are no texts, or one alone exceeds the tokens of a batch.</exception>
public sealed class MaskedBatches(TokenStore tokens, SpecialIds special, MaskedTokens masking, BucketOptions options)
{
    readonly LengthBuckets buckets = new(Enumerable.Range(0, tokens.Count).Select(i => (tokens.LengthOf(i), 0)), options);

    /// <summary>Batches of an epoch, for this process.</summary>
    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The position after another.</summary>
    public BatchPosition Next(BatchPosition position) => buckets.Next(position);

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public MaskedBatch At(BatchPosition position) =>
        masking.Hide(PaddedTexts.Make(tokens, buckets.At(position).Span, special.Padding), position.Epoch);
}
