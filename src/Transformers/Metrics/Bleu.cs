using System.Globalization;
using Transformers.IO;

namespace Transformers.Metrics;

/// <summary>BLEU of a corpus, with its parts.</summary>
/// <param name="Score">From 0 to 100.</param>
/// <param name="Precisions">Of each n-gram order from 1, in percent, after smoothing.</param>
/// <param name="BrevityPenalty">From 0 to 1.</param>
/// <param name="HypothesisLength">Words of the translations.</param>
/// <param name="ReferenceLength">Words of the references.</param>
/// <param name="Signature">How it was computed, in sacreBLEU's form.</param>
public sealed record BleuScore(
    double Score, IReadOnlyList<double> Precisions, double BrevityPenalty, long HypothesisLength, long ReferenceLength, string Signature)
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

/// <summary>BLEU (Papineni et al. 2002) as sacreBLEU (Post 2018) defines it by default, with one reference per segment.</summary>
/// <remarks>
/// Deviation: sacreBLEU refuses a segment whose reference is empty; here, that is a reference without words.
/// The texts are detokenized and cased: BLEU splits them into words itself, by mteval-v13a's rules.
/// </remarks>
public static class Bleu
{
    const int MaximumOrder = 4;

    /// <summary>BLEU of a corpus.</summary>
    /// <param name="hypotheses">The translations.</param>
    /// <param name="references">The reference of each.</param>
    /// <exception cref="UserException">The two lists differ in length.</exception>
    public static BleuScore Corpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references)
    {
        TextUnits.CheckPairs(hypotheses, references);
        var (matches, totals) = (new long[MaximumOrder], new long[MaximumOrder]);
        long hypothesisLength = 0, referenceLength = 0;
        foreach (var (hypothesis, reference) in hypotheses.Select(TextUnits.Words13a).Zip(references.Select(TextUnits.Words13a)))
        {
            hypothesisLength += hypothesis.Count;
            referenceLength += reference.Count;
            for (var order = 1; order <= MaximumOrder; order++)
            {
                // Words contain no white space, so different n-grams stay different when they are joined by it.
                var allowed = TextUnits.NGrams(reference, order, " ");
                foreach (var (gram, count) in TextUnits.NGrams(hypothesis, order, " "))
                {
                    matches[order - 1] += Math.Min(count, allowed.GetValueOrDefault(gram));
                    totals[order - 1] += count;
                }
            }
        }
        return Score(matches, totals, hypothesisLength, referenceLength);
    }

    static BleuScore Score(long[] matches, long[] totals, long hypothesisLength, long referenceLength)
    {
        var precisions = new double[MaximumOrder];
        var penalty = hypothesisLength >= referenceLength ? 1.0
            : hypothesisLength == 0 ? 0.0 : Math.Exp(1 - (double)referenceLength / hypothesisLength);
        var (score, halving) = (0.0, 1.0);
        if (matches.Any(m => m > 0))
        {
            // Successive orders without a match count as half, a quarter, … of a match.
            for (var n = 0; n < MaximumOrder && totals[n] > 0; n++)
                precisions[n] = 100 * (matches[n] > 0 ? matches[n] : 1 / (halving *= 2)) / totals[n];
            if (precisions.All(p => p > 0)) score = penalty * Math.Exp(precisions.Sum(Math.Log) / MaximumOrder);
        }
        return new BleuScore(score, precisions, penalty, hypothesisLength, referenceLength,
            $"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{TextUnits.Version}");
    }
}
