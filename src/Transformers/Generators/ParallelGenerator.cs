namespace Transformers.Generators;

/// <summary>An endless source of sentence pairs whose target is a function of the source, so that a perfect score can be reached.</summary>
public abstract class ParallelGenerator
{
    /// <summary>The ending of the source's files.</summary>
    public virtual string SourceLanguage => "src";

    /// <summary>The ending of the target's files.</summary>
    public virtual string TargetLanguage => "trg";

    /// <summary>One pair, a function of the arguments alone, the same on every machine.</summary>
    /// <param name="split">The part it belongs to.</param>
    /// <param name="seed">The seed of the data.</param>
    /// <param name="index">The number of the pair, from 0.</param>
    public abstract SentencePair At(SyntheticSplit split, ulong seed, long index);

    /// <summary>The first pairs of a split.</summary>
    public IEnumerable<SentencePair> Take(SyntheticSplit split, ulong seed, long count)
    {
        for (long index = 0; index < count; index++) yield return At(split, seed, index);
    }
}
