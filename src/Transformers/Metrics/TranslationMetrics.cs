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

/// <summary>The words, characters and n-grams that translation metrics count.</summary>
static partial class TextUnits
{
    /// <summary>The version part of a signature: not sacreBLEU's, since this is not its code.</summary>
    internal static string Version { get; } = "transformer-" + (typeof(TextUnits).Assembly.GetName().Version?.ToString(3) ?? "0");

    internal static void CheckPairs(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references)
    {
        if (hypotheses.Count != references.Count)
            throw new UserException($"the number of translations ({hypotheses.Count}) must equal the number of references ({references.Count})");
    }

    /// <summary>How often each n-gram occurs.</summary>
    internal static Dictionary<string, int> NGrams(List<string> units, int order, string separator)
    {
        var counts = new Dictionary<string, int>();
        for (var i = 0; i + order <= units.Count; i++)
        {
            var gram = string.Join(separator, units.GetRange(i, order));
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }

    /// <summary>The code points of a text without its white space.</summary>
    internal static List<string> Characters(string text) => [.. string.Concat(Split(text)).EnumerateRunes().Select(rune => rune.ToString())];

    /// <summary>The word segmentation of NIST's mteval-v13a script, which sacreBLEU uses by default.</summary>
    /// <remarks>It only separates punctuation, in any language. Entities are decoded because old test sets contain SGML.</remarks>
    internal static List<string> Words13a(string text)
    {
        text = TrimEnd(text).Replace("<skipped>", "").Replace("-\n", "").Replace('\n', ' ');
        if (text.Contains('&'))
            text = text.Replace("&quot;", "\"").Replace("&amp;", "&").Replace("&lt;", "<").Replace("&gt;", ">");
        text = $" {text} ";
        text = Symbol().Replace(text, " $1 ");
        text = PeriodAfterNonDigit().Replace(text, "$1 $2 ");
        text = PeriodBeforeNonDigit().Replace(text, " $1 $2");
        text = DashAfterDigit().Replace(text, "$1 $2 ");
        return Split(text);
    }

    // All ASCII symbols except the apostrophe, the comma, the dash and the period, which have rules of their own.
    [GeneratedRegex(@"([\x20-\x26\x28-\x2B\x2F\x3A-\x40\x5B-\x60\x7B-\x7E])")]
    private static partial Regex Symbol();

    [GeneratedRegex(@"([^0-9])([.,])")]
    private static partial Regex PeriodAfterNonDigit();

    [GeneratedRegex(@"([.,])([^0-9])")]
    private static partial Regex PeriodBeforeNonDigit();

    [GeneratedRegex(@"([0-9])(-)")]
    private static partial Regex DashAfterDigit();

    // White space as in Python's str.split, by which the published metrics are defined. .NET does not count the four
    // ASCII separators U+001C to U+001F.
    static bool IsWhiteSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    static List<string> Split(string text)
    {
        var words = new List<string>();
        for (var i = 0; i < text.Length;)
        {
            while (i < text.Length && IsWhiteSpace(text[i])) i++;
            var start = i;
            while (i < text.Length && !IsWhiteSpace(text[i])) i++;
            if (i > start) words.Add(text[start..i]);
        }
        return words;
    }

    static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && IsWhiteSpace(text[end - 1])) end--;
        return text[..end];
    }
}
