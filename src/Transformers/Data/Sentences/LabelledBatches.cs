using Transformers.IO;

namespace Transformers.Data.Sentences;

/// <summary>Texts with their classes.</summary>
/// <param name="Texts">The padded texts.</param>
/// <param name="Labels">The class of each [B].</param>
public sealed record LabelledBatch(PaddedTexts Texts, long[] Labels);

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
        var texts = PaddedTexts.Make(corpus.Tokens, buckets.At(position).Span, special.Padding);
        return new LabelledBatch(texts, [.. texts.Examples.Select(e => (long)corpus.Labels[e])]);
    }
}
