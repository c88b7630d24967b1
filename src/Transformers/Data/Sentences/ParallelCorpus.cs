using Transformers.Generators;
using Transformers.IO;
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

/// <summary>The pairs to train on; lengths are tokens without the framing ones.</summary>
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
