namespace Transformers.Data.Sentences;

/// <summary>Makes padded batches of sentence pairs of similar length; a batch is a function of its position alone, so any thread may make it ahead.</summary>
/// <remarks>The size of a batch counts its rows times the longest side of any pair in it, framing tokens included.</remarks>
sealed class ParallelBatches
{
    readonly ParallelCorpus corpus;
    readonly SpecialIds source;
    readonly SpecialIds target;
    readonly LengthBuckets buckets;

    public ParallelBatches(ParallelCorpus corpus, SpecialIds source, SpecialIds target, BucketOptions options)
    {
        (this.corpus, this.source, this.target) = (corpus, source, target);
        buckets = new LengthBuckets(Enumerable.Range(0, corpus.Count).Select(Length), options);
    }

    // By the longer side, then by the source: pairs with equal longer sides are then ordered by the lengths of their sources.
    (int, int) Length(int index) =>
        (Math.Max(corpus.Source.LengthOf(index), corpus.Target.LengthOf(index)) + 1, corpus.Source.LengthOf(index));

    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public ParallelBatch At(DataPosition position) => Make(buckets.At(position).Span);

    public ParallelBatch Make(ReadOnlySpan<int> examples)
    {
        var rows = examples.Length;
        var (sourceLengths, targetLengths) = (new int[rows], new int[rows]);
        for (var row = 0; row < rows; row++)
        {
            sourceLengths[row] = corpus.Source.LengthOf(examples[row]) + 1;
            targetLengths[row] = corpus.Target.LengthOf(examples[row]) + 1;
        }
        var (S, T) = (sourceLengths.Max(), targetLengths.Max());
        var (sources, inputs, outputs) = (new long[rows * S], new long[rows * T], new long[rows * T]);
        Array.Fill(sources, source.Padding);
        Array.Fill(inputs, target.Padding);
        Array.Fill(outputs, ParallelBatch.IgnoreIndex);
        for (var row = 0; row < rows; row++)
        {
            var (example, n, m) = (examples[row], sourceLengths[row] - 1, targetLengths[row] - 1);
            for (var i = 0; i < n; i++) sources[row * S + i] = corpus.Source[example, i];
            sources[row * S + n] = source.End;
            inputs[row * T] = target.Begin;
            for (var i = 0; i < m; i++) inputs[row * T + i + 1] = outputs[row * T + i] = corpus.Target[example, i];
            outputs[row * T + m] = target.End;
        }
        return new ParallelBatch(examples.ToArray(), S, T, sources, sourceLengths, inputs, outputs, targetLengths);
    }
}

/// <summary>Sentence pairs side by side, padded; every array is row by row.</summary>
/// <param name="Examples">The numbers of the pairs in the corpus [B].</param>
/// <param name="SourceWidth">S: the longest source with its end.</param>
/// <param name="TargetWidth">T: the longest target with its begin or end.</param>
/// <param name="Source">Source ids and end, then padding [B, S].</param>
/// <param name="SourceLengths">Tokens of each source with its end [B].</param>
/// <param name="TargetInput">Begin and target ids, then padding: what the decoder reads [B, T].</param>
/// <param name="TargetOutput">Target ids and end, then <see cref="IgnoreIndex"/>: the targets [B, T].</param>
/// <param name="TargetLengths">Tokens of each target with its end [B].</param>
public sealed record ParallelBatch(
    int[] Examples, int SourceWidth, int TargetWidth, long[] Source, int[] SourceLengths,
    long[] TargetInput, long[] TargetOutput, int[] TargetLengths)
{
    /// <summary>The output where nothing is to be predicted; cross entropy ignores it by default.</summary>
    public const long IgnoreIndex = -100;

    /// <summary>B: the number of pairs.</summary>
    public int Rows => Examples.Length;

    /// <summary>Tokens to be predicted, ends included: what a mean loss divides by.</summary>
    public long TargetTokens => TargetLengths.Sum(n => (long)n);
}
