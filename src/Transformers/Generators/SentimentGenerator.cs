using Transformers.IO;

namespace Transformers.Generators;

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
