using System.Buffers;

namespace Transformers.Tokenizers;

/// <summary>Finds given texts in UTF-8, from left to right, the longest if several begin at the same position.</summary>
sealed class TextMatcher
{
    internal delegate void Encode(ReadOnlySpan<byte> text, int end, List<int> ids);

    readonly (byte[] Text, int Id, AddedRule Rule)[] longestFirst;
    readonly SearchValues<byte> firstBytes;

    internal TextMatcher(IEnumerable<KeyValuePair<string, int>> texts, IReadOnlyDictionary<string, AddedRule>? rules = null)
    {
        longestFirst = [.. texts.Select(pair => (Encoding.UTF8.GetBytes(pair.Key), pair.Value, rules?.GetValueOrDefault(pair.Key) ?? default)).OrderByDescending(pair => pair.Item1.Length)];
        firstBytes = SearchValues.Create([.. longestFirst.Select(entry => entry.Text[0]).Distinct()]);
    }

    /// <summary>Appends the ids of the texts found before <paramref name="end"/> and, through <paramref name="encode"/>, those of the text between them.</summary>
    internal void Split(ReadOnlySpan<byte> text, int end, List<int> ids, Encode encode)
    {
        var done = 0;
        for (var at = 0; at < end; at++)
        {
            var skip = text[at..end].IndexOfAny(firstBytes);
            if (skip < 0) break;
            at += skip;
            foreach (var (found, id, rule) in longestFirst)
            {
                if (!text[at..].StartsWith(found)) continue;
                var (start, stop) = (at, at + found.Length);
                at = stop - 1;
                if (rule.SingleWord && (EndsInWord(text[..start]) || BeginsWord(text[stop..]))) break;
                if (rule.StripLeft) start = Math.Max(done, LengthTrimmedEnd(text[..start]));
                if (rule.StripRight) stop = text.Length - LengthTrimmedStart(text[stop..]);
                // The text before a match is encoded by itself: its last piece does not see the match.
                if (start > done) encode(text[done..start], start - done, ids);
                ids.Add(id);
                done = stop;
                at = stop - 1;
                break;
            }
        }
        if (done < end) encode(text[done..], end - done, ids);
    }

    static bool EndsInWord(ReadOnlySpan<byte> text) => Rune.DecodeLastFromUtf8(text, out var rune, out _) == OperationStatus.Done && IsOfWord(rune);

    static bool BeginsWord(ReadOnlySpan<byte> text) => Rune.DecodeFromUtf8(text, out var rune, out _) == OperationStatus.Done && IsOfWord(rune);

    // Equivalent to \w in regular expressions.
    static bool IsOfWord(Rune rune) => Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.ConnectorPunctuation;

    static int LengthTrimmedEnd(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeLastFromUtf8(text, out var rune, out var length) == OperationStatus.Done && Rune.IsWhiteSpace(rune)) text = text[..^length];
        return text.Length;
    }

    static int LengthTrimmedStart(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeFromUtf8(text, out var rune, out var length) == OperationStatus.Done && Rune.IsWhiteSpace(rune)) text = text[length..];
        return text.Length;
    }
}

/// <summary>How an added token is found in a text: only as a whole word, with the white space around it, before or after the text is normalized.</summary>
readonly record struct AddedRule(bool SingleWord, bool StripLeft, bool StripRight, bool Normalized);
