using Transformers.Generators.Translation;

namespace Transformers.Generators;

/// <summary>An endless source of sentence pairs whose target is a function of the source, so that a perfect score is possible.</summary>
public abstract class ParallelGenerator
{
    /// <summary>The extension of the source's files.</summary>
    public virtual string SourceLanguage => "src";

    /// <summary>The extension of the target's files.</summary>
    public virtual string TargetLanguage => "trg";

    /// <summary>One pair, a function of the arguments alone, the same on every machine.</summary>
    /// <param name="seed">The seed of the data.</param>
    /// <param name="index">The number of the pair, from 0.</param>
    public abstract SentencePair At(SyntheticSplit split, ulong seed, long index);

    /// <summary>The first pairs of a split.</summary>
    public IEnumerable<SentencePair> Take(SyntheticSplit split, ulong seed, long count)
    {
        for (long index = 0; index < count; index++) yield return At(split, seed, index);
    }
}

/// <summary>A sentence and its translation.</summary>
/// <param name="Source">The sentence.</param>
/// <param name="Target">Its translation.</param>
public sealed record SentencePair(string Source, string Target);

/// <summary>The Annotated Transformer's copy task: the target is the source.</summary>
/// <remarks>The symbols are 1 to 10 (with padding, a vocabulary of 11); a sequence has ten of them, the first always 1, separated by spaces.</remarks>
sealed class CopyGenerator : ParallelGenerator
{
    const int Symbols = 10, Length = 10;

    public override SentencePair At(SyntheticSplit split, ulong seed, long index)
    {
        var random = Splits.Random(seed, split, index);
        while (true)
        {
            var symbols = new int[Length];
            symbols[0] = 1;
            for (var i = 1; i < symbols.Length; i++) symbols[i] = 1 + random.Next(Symbols);
            var text = string.Join(' ', symbols);
            if (Splits.Of(text) == split) return new SentencePair(text, text);
        }
    }
}

/// <summary>The reverse task of JoeyNMT's tutorial: the target is the reversed source.</summary>
/// <remarks>
/// From 1 to 25 numbers from 0 to 49 as words; all lengths are equally likely. JoeyNMT's own script draws validation and test
/// sequences of up to 30, beyond the longest training sequence; <see cref="HeldOutLength"/> = 30 does so too.
/// </remarks>
sealed class ReverseGenerator : ParallelGenerator
{
    const int Symbols = 50, Length = 25;

    /// <summary>The length of the longest sequence of validation and test.</summary>
    public int HeldOutLength { get; init; } = 25;

    public override SentencePair At(SyntheticSplit split, ulong seed, long index)
    {
        var random = Splits.Random(seed, split, index);
        while (true)
        {
            var numbers = new int[1 + random.Next(split == SyntheticSplit.Train ? Length : HeldOutLength)];
            for (var i = 0; i < numbers.Length; i++) numbers[i] = random.Next(Symbols);
            var source = string.Join(' ', numbers);
            if (Splits.Of(source) != split) continue;
            Array.Reverse(numbers);
            return new SentencePair(source, string.Join(' ', numbers));
        }
    }
}

/// <summary>English sentences and their translations into Talen, an invented language with reordering, case, gender and agreement.</summary>
/// <remarks>
/// More than 1,000 different words on each side; 5 to 30 words per sentence on each side. The English grammar is
/// unambiguous and the translation follows from it, so the best possible BLEU is 100; translating word by word stays under 20. Templates (a
/// sentence with its open-class words replaced by their classes) each belong to one split, by a hash, so no sentence and no
/// template of validation and test is ever in training. The files' extension for Talen, <c>qta</c>, is a code that ISO 639-3
/// reserves for local use.
/// </remarks>
sealed class TranslationGenerator : ParallelGenerator
{
    const int Shortest = 5, Longest = 30;

    public override string SourceLanguage => "en";

    public override string TargetLanguage => "qta";

    public override SentencePair At(SyntheticSplit split, ulong seed, long index) => Draw(split, seed, index).Pair;

    /// <summary>A pair with its meaning and template.</summary>
    internal static (SentencePair Pair, Sentence Meaning, string Template) Draw(SyntheticSplit split, ulong seed, long index)
    {
        var random = Splits.Random(seed, split, index);
        while (true)
        {
            var sentence = SentenceSampler.Draw(ref random);
            var (source, kinds) = English.Write(sentence);
            if (source.Count is < Shortest or > Longest) continue;
            var template = string.Join(' ', kinds) + source[^1][^1];
            if (Splits.Of(template) != split) continue;
            var target = Talen.Write(sentence);
            if (target.Count is < Shortest or > Longest) continue;
            return (new SentencePair(string.Join(' ', source), string.Join(' ', target)), sentence, template);
        }
    }
}
