namespace Transformers.Data.Sentences;

/// <summary>Which pairs are learnt from; lengths are tokens without the framing ones.</summary>
public sealed record ParallelFilter
{
    /// <summary>The fewest tokens of a side.</summary>
    public int MinimumTokens { get; init; } = 1;
    /// <summary>The most tokens of a side.</summary>
    public int MaximumTokens { get; init; } = int.MaxValue;
    /// <summary>How many times longer than the other a side may be.</summary>
    public double MaximumRatio { get; init; } = double.PositiveInfinity;

    /// <summary>Keeps every pair, empty sides too: what validation and test need.</summary>
    public static ParallelFilter None { get; } = new() { MinimumTokens = 0 };

    /// <summary>Why a pair is dropped, or null where it is kept; the first reason that holds.</summary>
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
        $"{Read} pairs read, {Kept} kept; dropped: {TooShort} too short, {SourceTooLong} source too long, {TargetTooLong} target too long, {Ratio} unlike lengths";
}
