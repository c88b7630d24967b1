using System.Globalization;
using Transformers.IO;

namespace Transformers.Metrics;

/// <summary>chrF of a corpus.</summary>
/// <param name="Score">From 0 to 100.</param>
/// <param name="Signature">How it was computed, in sacreBLEU's form.</param>
public sealed record ChrfScore(double Score, string Signature)
{
    /// <summary>Name and score as sacreBLEU prints them.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"chrF2 = {Score:F2}");
}

/// <summary>chrF2 (Popović 2015): the F-score of character n-grams, as sacreBLEU defines it by default, with one reference per segment.</summary>
/// <remarks>Precision and recall are averaged over the orders that both texts reach, then combined. White space does not count.</remarks>
public static class Chrf
{
    const int MaximumOrder = 6;
    // Recall weighs twice as much as precision.
    const double Factor = 2 * 2;

    /// <summary>chrF of a corpus.</summary>
    /// <param name="hypotheses">The translations.</param>
    /// <param name="references">The reference of each.</param>
    /// <exception cref="UserException">The two lists differ in length.</exception>
    public static ChrfScore Corpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references)
    {
        TextUnits.CheckPairs(hypotheses, references);
        var sums = new (long Hypothesis, long Reference, long Matches)[MaximumOrder];
        foreach (var (hypothesis, reference) in hypotheses.Select(TextUnits.Characters).Zip(references.Select(TextUnits.Characters)))
            for (var n = 0; n < MaximumOrder; n++)
            {
                var (made, wanted) = (TextUnits.NGrams(hypothesis, n + 1, ""), TextUnits.NGrams(reference, n + 1, ""));
                // Orders that the reference is too short for are ignored.
                sums[n].Hypothesis += wanted.Count > 0 ? made.Values.Sum() : 0;
                sums[n].Reference += wanted.Values.Sum();
                sums[n].Matches += made.Sum(gram => (long)Math.Min(gram.Value, wanted.GetValueOrDefault(gram.Key)));
            }
        return new ChrfScore(FScore(sums), $"nrefs:1|case:mixed|eff:yes|nc:{MaximumOrder}|nw:0|space:no|version:{TextUnits.Version}");
    }

    static double FScore((long Hypothesis, long Reference, long Matches)[] sums)
    {
        var reached = sums.Where(sum => sum.Hypothesis > 0 && sum.Reference > 0).ToList();
        if (reached.Count == 0) return 0;
        var precision = reached.Average(sum => (double)sum.Matches / sum.Hypothesis);
        var recall = reached.Average(sum => (double)sum.Matches / sum.Reference);
        return precision + recall == 0 ? 0 : 100 * (1 + Factor) * precision * recall / (Factor * precision + recall);
    }
}
