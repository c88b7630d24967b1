using System.Text.RegularExpressions;

namespace Transformers.Metrics;

/// <summary>The word segmentation of NIST's mteval-v13a script, which sacreBLEU scores with by default.</summary>
/// <remarks>It only separates punctuation; it knows no language. Entities are undone because old test sets held SGML.</remarks>
static partial class Tokenizer13a
{
    public static List<string> Split(string text)
    {
        text = text.Replace("<skipped>", "").Replace("-\n", "").Replace('\n', ' ');
        if (text.Contains('&'))
            text = text.Replace("&quot;", "\"").Replace("&amp;", "&").Replace("&lt;", "<").Replace("&gt;", ">");
        text = $" {text} ";
        text = Symbol().Replace(text, " $1 ");
        text = PeriodAfterNonDigit().Replace(text, "$1 $2 ");
        text = PeriodBeforeNonDigit().Replace(text, " $1 $2");
        text = DashAfterDigit().Replace(text, "$1 $2 ");
        return Whitespace.Split(text);
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
}
