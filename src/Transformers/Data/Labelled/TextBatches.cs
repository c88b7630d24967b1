namespace Transformers.Data.Labelled;

/// <summary>Texts side by side, padded; every array is row by row.</summary>
/// <param name="Examples">The numbers of the texts in the corpus [B].</param>
/// <param name="Width">S: the longest text.</param>
/// <param name="Ids">Token ids, then padding [B, S].</param>
/// <param name="Lengths">Tokens of each text [B].</param>
public sealed record TextBatch(int[] Examples, int Width, long[] Ids, int[] Lengths)
{
    /// <summary>B: the number of texts.</summary>
    public int Rows => Examples.Length;

    /// <summary>True where a row is padding [B, S].</summary>
    public bool[] PaddingMask() => Padding.Mask(Lengths, Width);

    /// <summary>A batch of given sequences.</summary>
    public static TextBatch Make(TokenStore tokens, ReadOnlySpan<int> examples, int padding)
    {
        var lengths = new int[examples.Length];
        for (var row = 0; row < lengths.Length; row++) lengths[row] = tokens.LengthOf(examples[row]);
        var width = lengths.Max();
        var ids = new long[lengths.Length * width];
        Array.Fill(ids, padding);
        for (var row = 0; row < lengths.Length; row++)
            for (var i = 0; i < lengths[row]; i++)
                ids[row * width + i] = tokens[examples[row], i];
        return new TextBatch(examples.ToArray(), width, ids, lengths);
    }
}

/// <summary>Texts with their classes.</summary>
/// <param name="Texts">The padded texts.</param>
/// <param name="Labels">The class of each [B].</param>
public sealed record LabelledBatch(TextBatch Texts, long[] Labels);

/// <summary>Makes padded batches of labelled texts of like length; a batch is a function of its position alone.</summary>
/// <param name="corpus">The texts.</param>
/// <param name="special">The framing ids.</param>
/// <param name="options">The size of batches and their order.</param>
/// <exception cref="UserException">The corpus is empty, or a text alone exceeds the tokens of a batch.</exception>
public sealed class LabelledBatches(LabelledCorpus corpus, SpecialIds special, BucketOptions options)
{
    readonly LengthBuckets buckets = new(Enumerable.Range(0, corpus.Count).Select(i => (corpus.Tokens.LengthOf(i), 0)), options);

    /// <summary>Batches of an epoch, for this process.</summary>
    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The position after another.</summary>
    public BatchPosition Next(BatchPosition position) => buckets.Next(position);

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public LabelledBatch At(BatchPosition position)
    {
        var texts = TextBatch.Make(corpus.Tokens, buckets.At(position).Span, special.Padding);
        return new LabelledBatch(texts, [.. texts.Examples.Select(e => (long)corpus.Labels[e])]);
    }
}
