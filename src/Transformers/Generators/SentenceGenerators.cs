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

/// <summary>Short reviews that are positive or negative by a rule; the label is a function of the text, so the best possible accuracy is 1.</summary>
/// <remarks>
/// A clause calls an aspect good or bad; a negation reverses it; with "but" the second clause decides, with "although" the main
/// one. So counting good and bad words is not enough: word order and function words matter. A text's split is a hash of its content.
/// </remarks>
sealed class SentimentGenerator
{
    public static IReadOnlyList<string> Classes { get; } = ["negative", "positive"];

    static string[] Split(string list) => list.Split(' ');

    static readonly string[] Aspects = Split("film story plot acting music ending script dialogue cast camera pacing humor soundtrack editing lighting scenery opening costume finale hero villain director humour rhythm mood setting twist theme tone pace");
    static readonly string[] Good = Split("brilliant moving charming funny gripping beautiful clever superb fresh warm touching thrilling delightful honest inventive stunning memorable witty graceful powerful");
    static readonly string[] Bad = Split("boring dull clumsy flat tedious awful predictable shallow noisy lazy hollow forced messy bland tiresome dreadful weak silly pointless stale");
    static readonly string[] Loved = Split("loved enjoyed adored admired praised liked");
    static readonly string[] Hated = Split("hated disliked regretted despised mocked endured");
    static readonly string[] Degrees = Split("really quite very rather truly so");
    static readonly string[] People = ["I", "we", "my friends", "the critics", "most viewers", "my sister", "the audience", "everyone"];

    /// <summary>One text with its label, a function of the arguments alone, the same on every machine.</summary>
    public LabelledExample At(SyntheticSplit split, ulong seed, long index)
    {
        var random = Splits.Random(seed, split, index);
        while (true)
        {
            var positive = random.Next(2) == 1;
            var text = Review(ref random, positive) + " .";
            if (Splits.Of(text) == split) return new LabelledExample(text, Classes[positive ? 1 : 0]);
        }
    }

    public IEnumerable<LabelledExample> Take(SyntheticSplit split, ulong seed, long count)
    {
        for (long index = 0; index < count; index++) yield return At(split, seed, index);
    }

    static string Review(ref CounterRandom random, bool positive)
    {
        var other = random.Next(4) == 0 ? positive : !positive;
        return random.Next(5) switch
        {
            0 => Clause(ref random, positive),
            1 => $"{Clause(ref random, other)} , but {Clause(ref random, positive)}",
            2 => $"although {Clause(ref random, other)} , {Clause(ref random, positive)}",
            3 => $"{Clause(ref random, positive)} , although {Clause(ref random, other)}",
            _ => $"{Clause(ref random, positive)} and {Clause(ref random, positive)}",
        };
    }

    static string Clause(ref CounterRandom random, bool positive)
    {
        var negated = random.Next(3) == 0;
        var good = positive != negated;
        var aspect = Aspects[random.Next(Aspects.Length)];
        if (random.Next(3) > 0)
        {
            var adjective = Pick(good ? Good : Bad, ref random);
            var degree = random.Next(2) == 0 ? Pick(Degrees, ref random) + " " : "";
            return $"the {aspect} {(random.Next(2) == 0 ? "was" : "seemed")} {(negated ? "not " : "")}{degree}{adjective}";
        }
        return $"{Pick(People, ref random)} {(negated ? "never " : "")}{Pick(good ? Loved : Hated, ref random)} the {aspect}";
    }

    static string Pick(string[] words, ref CounterRandom random) => words[random.Next(words.Length)];
}

/// <summary>A text with the name of its class.</summary>
/// <param name="Text">The text.</param>
/// <param name="Label">The class's name as it is written in the file.</param>
/// <param name="Line">The line on which it starts, from 1; 0 if it is not from a file.</param>
public sealed record LabelledExample(string Text, string Label, int Line = 0);
