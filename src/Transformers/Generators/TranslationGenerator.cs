using Transformers.Generators.Translation;

namespace Transformers.Generators;

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
