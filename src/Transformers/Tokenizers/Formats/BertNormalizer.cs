using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Transformers.Tokenizers.Formats;

/// <summary>What BERT does to a text before it is cut (Devlin et al. 2019): control characters removed, white space as spaces, Chinese characters set apart, accents and capitals removed.</summary>
/// <remarks>The library's own removes line ends without leaving a space.</remarks>
sealed class BertNormalizer(bool lowerCase, bool stripAccents, bool spaceChinese) : Normalizer
{
    /// <summary>Whether capitals become small letters.</summary>
    internal bool LowerCase => lowerCase;

    /// <summary>Whether letters lose their accents.</summary>
    internal bool StripAccents => stripAccents;

    /// <summary>Whether each Chinese character is a word.</summary>
    internal bool SpaceChinese => spaceChinese;

    public override string Normalize(string original) => Normalize(original.AsSpan());

    public override string Normalize(ReadOnlySpan<char> original)
    {
        var result = new StringBuilder(original.Length + 16);
        Span<char> units = stackalloc char[2];
        foreach (var rune in original.EnumerateRunes())
        {
            if (rune.Value is '\t' or '\n' or '\r' || Rune.GetUnicodeCategory(rune) is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator) result.Append(' ');
            else if (IsRemoved(rune)) continue;
            else if (spaceChinese && IsChinese(rune.Value)) result.Append(' ').Append(units[..rune.EncodeToUtf16(units)]).Append(' ');
            else AppendLetter(result, rune, units);
        }
        return result.ToString();
    }

    void AppendLetter(StringBuilder result, Rune rune, Span<char> units)
    {
        if (stripAccents && Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark) return;
        if (stripAccents && Decompositions.WithoutMarks(rune) is { } bare)
        {
            result.Append(lowerCase ? bare.ToLowerInvariant() : bare);
            return;
        }
        result.Append(units[..(lowerCase ? Rune.ToLowerInvariant(rune) : rune).EncodeToUtf16(units)]);
    }

    static bool IsRemoved(Rune rune) => rune.Value == 0xFFFD || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse;

    static bool IsChinese(int value) => value is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF
        or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}

/// <summary>Cuts text into words and marks of punctuation, as BERT does; white space belongs to none.</summary>
sealed class BertPreTokenizer : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var words = new List<(int, int)>();
        int start = 0, at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var (isSpace, isMark, length) = (Rune.IsWhiteSpace(rune), IsPunctuation(rune), rune.Utf16SequenceLength);
            if ((isSpace || isMark) && at > start) words.Add((start, at - start));
            if (isMark) words.Add((at, length));
            at += length;
            if (isSpace || isMark) start = at;
        }
        if (at > start) words.Add((start, at - start));
        return words;
    }

    // All of ASCII that is neither letter nor digit counts, although Unicode calls some of it symbols.
    static bool IsPunctuation(Rune rune) => rune.IsAscii ? rune.Value > ' ' && rune.Value < 0x7F && !Rune.IsLetterOrDigit(rune) : Rune.IsPunctuation(rune);
}
