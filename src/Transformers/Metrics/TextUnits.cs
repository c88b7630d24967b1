using System.Text.RegularExpressions;
using Transformers.IO;

namespace Transformers.Metrics;

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
