using System.Globalization;
using Transformers.IO;

namespace Transformers.Metrics;

/// <summary>What stands in for the precision of an n-gram order without a single match.</summary>
public enum BleuSmoothing
{
    /// <summary>Nothing: the score is 0.</summary>
    None,
    /// <summary>Half, a quarter, … of a match for the first, second, … such order (mteval's and sacreBLEU's default).</summary>
    Exp,
    /// <summary>A tenth of a match.</summary>
    Floor,
}

/// <summary>BLEU of a corpus or a sentence, with its parts.</summary>
/// <param name="Score">From 0 to 100.</param>
/// <param name="Precisions">Of each n-gram order from 1, in percent, after smoothing.</param>
/// <param name="Matches">Clipped matches of each order.</param>
/// <param name="Totals">N-grams of the translation, of each order.</param>
/// <param name="BrevityPenalty">From 0 to 1.</param>
/// <param name="HypothesisLength">Words of the translation.</param>
/// <param name="ReferenceLength">Words of the references nearest in length.</param>
/// <param name="Signature">How it was computed, in sacreBLEU's form.</param>
public sealed record BleuScore(
    double Score, IReadOnlyList<double> Precisions, IReadOnlyList<long> Matches, IReadOnlyList<long> Totals,
    double BrevityPenalty, long HypothesisLength, long ReferenceLength, string Signature)
{
    /// <summary>The line that sacreBLEU prints: score, precisions, brevity penalty and lengths.</summary>
    public override string ToString()
    {
        var ratio = ReferenceLength == 0 ? 0 : (double)HypothesisLength / ReferenceLength;
        var precisions = string.Join('/', Precisions.Select(p => p.ToString("F1", CultureInfo.InvariantCulture)));
        return string.Create(CultureInfo.InvariantCulture,
            $"BLEU = {Score:F2} {precisions} (BP = {BrevityPenalty:F3} ratio = {ratio:F3} hyp_len = {HypothesisLength} ref_len = {ReferenceLength})");
    }
}

/// <summary>BLEU (Papineni et al. 2002) as sacreBLEU (Post 2018) defines it; the defaults are sacreBLEU's.</summary>
/// <remarks>
/// Deviation: sacreBLEU refuses a segment whose only reference is empty; here it is a reference of no words.
/// The texts are detokenized and cased: BLEU makes its own words of them.
/// </remarks>
public sealed record Bleu
{
    /// <summary>The longest n-gram counted.</summary>
    public int MaximumOrder { get; init; } = 4;
    /// <summary>Whether case is folded away first.</summary>
    public bool Lowercase { get; init; }
    /// <summary>Whether texts are cut by mteval-v13a's rules; if not, at white space alone.</summary>
    public bool Tokenize { get; init; } = true;
    /// <summary>What stands in for an order without matches.</summary>
    public BleuSmoothing Smoothing { get; init; } = BleuSmoothing.Exp;
    /// <summary>Whether orders longer than the translation are left out; wanted for single sentences, off for a corpus.</summary>
    public bool EffectiveOrder { get; init; }

    /// <summary>BLEU of a corpus with one reference a segment.</summary>
    /// <exception cref="UserException">The two lists differ in length.</exception>
    public BleuScore Corpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references) =>
        Corpus(hypotheses, References.Single(references));

    /// <summary>BLEU of a corpus; each segment has its own list of references.</summary>
    /// <exception cref="UserException">The two lists differ in length, or a segment has no reference.</exception>
    public BleuScore Corpus(IReadOnlyList<string> hypotheses, IReadOnlyList<IReadOnlyList<string>> references)
    {
        References.Check(hypotheses.Count, references);
        var (matches, totals) = (new long[MaximumOrder], new long[MaximumOrder]);
        long hypothesisLength = 0, referenceLength = 0;
        for (var i = 0; i < hypotheses.Count; i++)
        {
            var hypothesis = Words(hypotheses[i]);
            var segment = references[i].Select(Words).ToList();
            hypothesisLength += hypothesis.Count;
            // The reference nearest in length; of two as near, the shorter.
            referenceLength += segment.Select(r => r.Count).OrderBy(n => Math.Abs(n - hypothesis.Count)).ThenBy(n => n).First();
            Count(hypothesis, segment, matches, totals);
        }
        return Score(matches, totals, hypothesisLength, referenceLength, References.Signature(references));
    }

    /// <summary>BLEU of one sentence; set <see cref="EffectiveOrder"/> for it.</summary>
    public BleuScore Sentence(string hypothesis, params IReadOnlyList<string> references) => Corpus([hypothesis], [references]);

    List<string> Words(string text)
    {
        if (Lowercase) text = text.ToLowerInvariant();
        text = Whitespace.TrimEnd(text);
        return Tokenize ? Tokenizer13a.Split(text) : Whitespace.Split(text);
    }

    void Count(List<string> hypothesis, List<List<string>> references, long[] matches, long[] totals)
    {
        for (var order = 1; order <= MaximumOrder; order++)
        {
            // An n-gram may match as often as it stands in the reference that has most of it.
            var allowed = new Dictionary<string, int>();
            foreach (var reference in references)
                foreach (var (gram, count) in NGrams(reference, order))
                    allowed[gram] = Math.Max(allowed.GetValueOrDefault(gram), count);
            foreach (var (gram, count) in NGrams(hypothesis, order))
            {
                matches[order - 1] += Math.Min(count, allowed.GetValueOrDefault(gram));
                totals[order - 1] += count;
            }
        }
    }

    static Dictionary<string, int> NGrams(List<string> words, int order)
    {
        var counts = new Dictionary<string, int>();
        // Words hold no white space, so joining them by it keeps different n-grams different.
        for (var i = 0; i + order <= words.Count; i++)
        {
            var gram = string.Join(' ', words.GetRange(i, order));
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }

    BleuScore Score(long[] matches, long[] totals, long hypothesisLength, long referenceLength, string references)
    {
        var precisions = new double[MaximumOrder];
        var penalty = hypothesisLength >= referenceLength ? 1.0
            : hypothesisLength == 0 ? 0.0 : Math.Exp(1 - (double)referenceLength / hypothesisLength);
        var (score, orders, halving) = (0.0, MaximumOrder, 1.0);
        if (matches.Any(m => m > 0))
        {
            for (var n = 0; n < MaximumOrder && totals[n] > 0; n++)
            {
                if (EffectiveOrder) orders = n + 1;
                var matched = matches[n] > 0 ? matches[n] : Smoothing switch
                {
                    BleuSmoothing.Exp => 1 / (halving *= 2),
                    BleuSmoothing.Floor => 0.1,
                    _ => 0.0,
                };
                precisions[n] = 100 * matched / totals[n];
            }
            if (precisions.Take(orders).All(p => p > 0))
                score = penalty * Math.Exp(precisions.Take(orders).Sum(Math.Log) / orders);
        }
        return new BleuScore(score, precisions, matches, totals, penalty, hypothesisLength, referenceLength,
            $"nrefs:{references}|case:{(Lowercase ? "lc" : "mixed")}|eff:{(EffectiveOrder ? "yes" : "no")}|tok:{(Tokenize ? "13a" : "none")}"
            + $"|smooth:{Smoothing.ToString().ToLowerInvariant()}|version:{References.Version}");
    }
}
