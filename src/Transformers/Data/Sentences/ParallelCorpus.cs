using Transformers.Generators;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Sentence pairs as token ids, without framing tokens, in memory: four bytes per token.</summary>
public sealed class ParallelCorpus
{
    const int Chunk = 4096;

    ParallelCorpus(IReadOnlyList<SentencePair>? texts, TokenStore source, TokenStore target, FilterReport report) =>
        (Texts, Source, Target, Report) = (texts, source, target, report);

    /// <summary>The sources' ids.</summary>
    public TokenStore Source { get; }

    /// <summary>The targets' ids.</summary>
    public TokenStore Target { get; }

    /// <summary>The texts themselves, if they are kept; BLEU is computed against them.</summary>
    public IReadOnlyList<SentencePair>? Texts { get; }

    /// <summary>What the filter did.</summary>
    public FilterReport Report { get; }

    /// <summary>The number of pairs.</summary>
    public int Count => Source.Count;

    /// <summary>Encodes pairs, on all processors; the result does not depend on their number.</summary>
    /// <param name="pairs">The pairs, read as a stream.</param>
    /// <param name="source">The source's tokenizer.</param>
    /// <param name="target">The target's tokenizer; the same object for a shared vocabulary.</param>
    /// <param name="filter">Which pairs to keep; <see cref="ParallelFilter.None"/> keeps all.</param>
    /// <param name="keepTexts">Whether to keep the texts too.</param>
    /// <param name="cancel">Cancels the encoding.</param>
    /// <exception cref="UserException">A text cannot be encoded.</exception>
    public static ParallelCorpus Encode(
        IEnumerable<SentencePair> pairs, TextTokenizer source, TextTokenizer target, ParallelFilter filter,
        bool keepTexts = false, CancellationToken cancel = default)
    {
        var texts = keepTexts ? new List<SentencePair>() : null;
        var (sources, targets) = (new TokenStore(), new TokenStore());
        var dropped = new long[Enum.GetValues<DropReason>().Length];
        long read = 0;
        foreach (var chunk in pairs.Chunk(Chunk))
        {
            var encoded = new (int[] Source, int[] Target)[chunk.Length];
            AllCores.For(chunk.Length, i => encoded[i] = ([.. source.EncodeToIds(chunk[i].Source)], [.. target.EncodeToIds(chunk[i].Target)]), cancel);
            for (var i = 0; i < chunk.Length; i++)
            {
                read++;
                if (filter.Reason(encoded[i].Source.Length, encoded[i].Target.Length) is { } reason)
                {
                    dropped[(int)reason]++;
                    continue;
                }
                sources.Add(encoded[i].Source);
                targets.Add(encoded[i].Target);
                texts?.Add(chunk[i]);
            }
        }
        return new ParallelCorpus(texts, sources, targets, new FilterReport(read, sources.Count,
            dropped[(int)DropReason.TooShort], dropped[(int)DropReason.SourceTooLong],
            dropped[(int)DropReason.TargetTooLong], dropped[(int)DropReason.Ratio]));
    }
}

/// <summary>Which pairs to train on; lengths are in tokens, without framing tokens.</summary>
public sealed record ParallelFilter
{
    /// <summary>The minimum number of tokens on each side.</summary>
    public int MinimumTokens { get; init; } = 1;
    /// <summary>The maximum number of tokens on each side.</summary>
    public int MaximumTokens { get; init; } = int.MaxValue;
    /// <summary>How many times longer than the other a side may be.</summary>
    public double MaximumRatio { get; init; } = double.PositiveInfinity;

    /// <summary>Keeps every pair, even with empty sides, as validation and test require.</summary>
    public static ParallelFilter None { get; } = new() { MinimumTokens = 0 };

    /// <summary>Why a pair is dropped, or null if it is kept; the first reason that applies.</summary>
    internal DropReason? Reason(int source, int target)
    {
        if (source < MinimumTokens || target < MinimumTokens) return DropReason.TooShort;
        if (source > MaximumTokens) return DropReason.SourceTooLong;
        if (target > MaximumTokens) return DropReason.TargetTooLong;
        return Math.Max(source, target) > MaximumRatio * Math.Min(source, target) ? DropReason.Ratio : null;
    }
}

enum DropReason { TooShort, SourceTooLong, TargetTooLong, Ratio }

/// <summary>How many pairs were read, kept and dropped, and why; each dropped pair counts under one reason.</summary>
/// <param name="Read">Pairs read.</param>
/// <param name="Kept">Pairs kept.</param>
/// <param name="TooShort">A side was empty or shorter than allowed.</param>
/// <param name="SourceTooLong">The source was longer than allowed.</param>
/// <param name="TargetTooLong">The target was longer than allowed.</param>
/// <param name="Ratio">One side was too many times longer than the other.</param>
public sealed record FilterReport(long Read, long Kept, long TooShort, long SourceTooLong, long TargetTooLong, long Ratio)
{
    /// <summary>The counts as one line.</summary>
    public override string ToString() =>
        $"{Amount.Of(Read, "pair")} read, {Kept} kept; dropped: {TooShort} too short, {SourceTooLong} source too long, {TargetTooLong} target too long, {Ratio} too different in length";
}

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

/// <summary>A padded mini-batch of sentence pairs; all arrays are row-major.</summary>
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
    /// <summary>The target where nothing is to be predicted; cross entropy ignores it by default.</summary>
    public const long IgnoreIndex = -100;

    /// <summary>B: the number of pairs.</summary>
    public int Rows => Examples.Length;

    /// <summary>The number of tokens to predict, including end tokens, by which a mean loss divides.</summary>
    public long TargetTokens => TargetLengths.Sum(n => (long)n);
}
