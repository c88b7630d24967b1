using System.Globalization;
using Transformers.IO;

namespace Transformers.Metrics;

/// <summary>chrF of a corpus or a sentence.</summary>
/// <param name="Score">From 0 to 100.</param>
/// <param name="Name"><c>chrF2</c>; a beta other than 2 or word n-grams (<c>++</c>) show in it.</param>
/// <param name="Signature">How it was computed, in sacreBLEU's form.</param>
public sealed record ChrfScore(double Score, string Name, string Signature)
{
    /// <summary>Name and score as sacreBLEU prints them.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} = {Score:F2}");
}

/// <summary>chrF (Popović 2015, 2017): the F-score of character n-grams, as sacreBLEU defines it; the defaults are sacreBLEU's chrF2.</summary>
/// <remarks>
/// Precision and recall are averaged over the orders that both texts reach, then combined (sacreBLEU's
/// effective order). <see cref="EpsilonSmoothing"/> gives the original script's mean of F-scores over all orders.
/// Of several references of a segment, the one with the best score of its own counts.
/// </remarks>
public sealed record Chrf
{
    /// <summary>The longest n-gram of characters (Unicode code points).</summary>
    public int CharacterOrder { get; init; } = 6;
    /// <summary>The longest n-gram of words: 0 for chrF, 2 for chrF++.</summary>
    public int WordOrder { get; init; }
    /// <summary>How many times recall weighs more than precision.</summary>
    public int Beta { get; init; } = 2;
    /// <summary>Whether case is folded away first.</summary>
    public bool Lowercase { get; init; }
    /// <summary>Whether white space counts as characters.</summary>
    public bool KeepWhitespace { get; init; }
    /// <summary>Whether orders that a text does not reach count as (almost) zero.</summary>
    public bool EpsilonSmoothing { get; init; }

    const double Epsilon = 1e-16;

    int Orders => CharacterOrder + WordOrder;

    /// <summary>chrF of a corpus with one reference a segment.</summary>
    /// <exception cref="UserException">The two lists differ in length.</exception>
    public ChrfScore Corpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references) =>
        Corpus(hypotheses, References.Single(references));

    /// <summary>chrF of a corpus; each segment has its own list of references.</summary>
    /// <exception cref="UserException">The two lists differ in length, or a segment has no reference.</exception>
    public ChrfScore Corpus(IReadOnlyList<string> hypotheses, IReadOnlyList<IReadOnlyList<string>> references)
    {
        References.Check(hypotheses.Count, references);
        var sum = new Counts[Orders];
        for (var i = 0; i < hypotheses.Count; i++)
        {
            var hypothesis = NGrams(hypotheses[i]);
            var best = references[i].Select(r => Compare(hypothesis, NGrams(r))).MaxBy(FScore)!;
            for (var n = 0; n < Orders; n++) sum[n] = sum[n].Plus(best[n]);
        }
        var name = $"chrF{Beta}{new string('+', WordOrder)}";
        return new ChrfScore(FScore(sum), name,
            $"nrefs:{References.Signature(references)}|case:{(Lowercase ? "lc" : "mixed")}|eff:{(EpsilonSmoothing ? "no" : "yes")}"
            + $"|nc:{CharacterOrder}|nw:{WordOrder}|space:{(KeepWhitespace ? "yes" : "no")}|version:{References.Version}");
    }

    /// <summary>chrF of one sentence.</summary>
    public ChrfScore Sentence(string hypothesis, params IReadOnlyList<string> references) => Corpus([hypothesis], [references]);

    Dictionary<string, int>[] NGrams(string text)
    {
        if (Lowercase) text = text.ToLowerInvariant();
        var words = Whitespace.Split(text);
        var runes = (KeepWhitespace ? text : string.Concat(words)).EnumerateRunes().Select(r => r.ToString()).ToList();
        var grams = new Dictionary<string, int>[Orders];
        for (var n = 0; n < CharacterOrder; n++) grams[n] = Count(runes, n + 1, "");
        if (WordOrder == 0) return grams;
        var separated = words.SelectMany(SeparatePunctuation).ToList();
        for (var n = 0; n < WordOrder; n++) grams[CharacterOrder + n] = Count(separated, n + 1, " ");
        return grams;
    }

    static Dictionary<string, int> Count(List<string> units, int order, string separator)
    {
        var counts = new Dictionary<string, int>();
        for (var i = 0; i + order <= units.Count; i++)
        {
            var gram = string.Join(separator, units.GetRange(i, order));
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }

    // chrF++ takes one punctuation mark off a word's end, or else off its start.
    static IEnumerable<string> SeparatePunctuation(string word)
    {
        const string marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        if (word.Length == 1) return [word];
        if (marks.Contains(word[^1])) return [word[..^1], word[^1..]];
        return marks.Contains(word[0]) ? [word[..1], word[1..]] : [word];
    }

    static Counts[] Compare(Dictionary<string, int>[] hypothesis, Dictionary<string, int>[] reference)
    {
        var counts = new Counts[hypothesis.Length];
        for (var n = 0; n < counts.Length; n++)
        {
            long matches = 0, total = 0;
            foreach (var (gram, count) in hypothesis[n])
            {
                matches += Math.Min(count, reference[n].GetValueOrDefault(gram));
                total += count;
            }
            // A reference too short for an order says nothing about the hypothesis at that order.
            counts[n] = new Counts(reference[n].Count > 0 ? total : 0, reference[n].Values.Sum(c => (long)c), matches);
        }
        return counts;
    }

    double FScore(Counts[] counts)
    {
        double score = 0, precisions = 0, recalls = 0, factor = Beta * Beta;
        var reached = 0;
        foreach (var count in counts)
        {
            var precision = count.Hypothesis > 0 ? (double)count.Matches / count.Hypothesis : Epsilon;
            var recall = count.Reference > 0 ? (double)count.Matches / count.Reference : Epsilon;
            var denominator = factor * precision + recall;
            score += denominator > 0 ? (1 + factor) * precision * recall / denominator : Epsilon;
            if (count.Hypothesis == 0 || count.Reference == 0) continue;
            precisions += precision;
            recalls += recall;
            reached++;
        }
        if (EpsilonSmoothing) return 100 * score / counts.Length;
        if (reached == 0 || precisions + recalls == 0) return 0;
        (precisions, recalls) = (precisions / reached, recalls / reached);
        return 100 * (1 + factor) * precisions * recalls / (factor * precisions + recalls);
    }

    readonly record struct Counts(long Hypothesis, long Reference, long Matches)
    {
        public Counts Plus(Counts other) =>
            new(Hypothesis + other.Hypothesis, Reference + other.Reference, Matches + other.Matches);
    }
}
