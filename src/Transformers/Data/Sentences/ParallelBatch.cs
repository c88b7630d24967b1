namespace Transformers.Data.Sentences;

/// <summary>Sentence pairs side by side, padded; every array is row by row.</summary>
/// <param name="Examples">The numbers of the pairs in the corpus [B].</param>
/// <param name="SourceWidth">S: the longest source with its end.</param>
/// <param name="TargetWidth">T: the longest target with its begin or end.</param>
/// <param name="Source">Source ids and end, then padding [B, S].</param>
/// <param name="SourceLengths">Tokens of each source with its end [B].</param>
/// <param name="TargetInput">Begin and target ids, then padding: what the decoder reads [B, T].</param>
/// <param name="TargetOutput">Target ids and end, then <see cref="IgnoreIndex"/>: what it must say [B, T].</param>
/// <param name="TargetLengths">Tokens of each target with its end [B].</param>
public sealed record ParallelBatch(
    int[] Examples, int SourceWidth, int TargetWidth, long[] Source, int[] SourceLengths,
    long[] TargetInput, long[] TargetOutput, int[] TargetLengths)
{
    /// <summary>Stands in the output where nothing is to be predicted; cross entropy leaves it out by default.</summary>
    public const long IgnoreIndex = -100;

    /// <summary>B: the number of pairs.</summary>
    public int Rows => Examples.Length;

    /// <summary>Tokens to be predicted, ends included: what a mean loss divides by.</summary>
    public long TargetTokens => TargetLengths.Sum(n => (long)n);

    /// <summary>Source tokens, ends included.</summary>
    public long SourceTokens => SourceLengths.Sum(n => (long)n);

    /// <summary>True where the source is padding [B, S].</summary>
    public bool[] SourcePadding() => Padding.Mask(SourceLengths, SourceWidth);

    /// <summary>True where the target is padding [B, T].</summary>
    public bool[] TargetPadding() => Padding.Mask(TargetLengths, TargetWidth);
}
