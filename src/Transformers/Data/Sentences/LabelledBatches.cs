namespace Transformers.Data.Sentences;

/// <summary>Texts with their classes.</summary>
/// <param name="Texts">The padded texts.</param>
/// <param name="Labels">The class of each [B].</param>
public sealed record LabelledBatch(PaddedTexts Texts, long[] Labels);

/// <summary>Makes padded batches of labelled texts of similar length; a batch is a function of its position alone.</summary>
sealed class LabelledBatches(LabelledCorpus corpus, SpecialIds special, BucketOptions options)
{
    readonly LengthBuckets buckets = new(Enumerable.Range(0, corpus.Count).Select(i => (corpus.Tokens.LengthOf(i), 0)), options);

    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public LabelledBatch At(DataPosition position)
    {
        var texts = PaddedTexts.Make(corpus.Tokens, buckets.At(position).Span, special.Padding);
        return new LabelledBatch(texts, [.. texts.Examples.Select(e => (long)corpus.Labels[e])]);
    }
}

/// <summary>Texts with some tokens masked.</summary>
/// <param name="Texts">The padded texts with masked tokens.</param>
/// <param name="Targets">The original token where one is to be predicted, <see cref="IgnoreIndex"/> elsewhere [B, S].</param>
public sealed record MaskedBatch(PaddedTexts Texts, long[] Targets)
{
    /// <summary>The target where nothing is to be predicted; cross entropy ignores it by default.</summary>
    public const long IgnoreIndex = -100;

    /// <summary>Tokens to predict: what a mean loss divides by.</summary>
    public int Guesses => Targets.Count(t => t != IgnoreIndex);
}

/// <summary>Makes batches with masked tokens from texts of similar length; a batch is a function of its position alone.</summary>
sealed class MaskedBatches(TokenStore tokens, SpecialIds special, MaskedTokens masking, BucketOptions options)
{
    readonly LengthBuckets buckets = new(Enumerable.Range(0, tokens.Count).Select(i => (tokens.LengthOf(i), 0)), options);

    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public MaskedBatch At(DataPosition position) =>
        masking.Hide(PaddedTexts.Make(tokens, buckets.At(position).Span, special.Padding), (int)position.Epoch);
}

/// <summary>Texts side by side, padded; every array is row by row.</summary>
/// <param name="Examples">The numbers of the texts in the corpus [B].</param>
/// <param name="Width">S: the longest text.</param>
/// <param name="Ids">Token ids, then padding [B, S].</param>
/// <param name="Lengths">Tokens of each text [B].</param>
public sealed record PaddedTexts(int[] Examples, int Width, long[] Ids, int[] Lengths)
{
    /// <summary>B: the number of texts.</summary>
    public int Rows => Examples.Length;

    /// <summary>A batch of given sequences.</summary>
    public static PaddedTexts Make(TokenStore tokens, ReadOnlySpan<int> examples, int padding)
    {
        var lengths = new int[examples.Length];
        for (var row = 0; row < lengths.Length; row++) lengths[row] = tokens.LengthOf(examples[row]);
        var width = lengths.Max();
        var ids = new long[lengths.Length * width];
        Array.Fill(ids, padding);
        for (var row = 0; row < lengths.Length; row++)
            for (var i = 0; i < lengths[row]; i++)
                ids[row * width + i] = tokens[examples[row], i];
        return new PaddedTexts(examples.ToArray(), width, ids, lengths);
    }
}
