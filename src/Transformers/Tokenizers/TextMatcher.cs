using System.Text;

namespace Transformers.Tokenizers;

/// <summary>Finds given texts in UTF-8, from left to right, the longest first where several begin at one place.</summary>
sealed class TextMatcher
{
    /// <summary>Encodes the part of a text before an end.</summary>
    internal delegate void Encode(ReadOnlySpan<byte> text, int end, List<int> ids);

    readonly (byte[] Text, int Id)[] longestFirst;
    readonly System.Buffers.SearchValues<byte> firstBytes;

    internal TextMatcher(IReadOnlyDictionary<string, int> texts)
    {
        longestFirst = [.. texts.Select(pair => (Encoding.UTF8.GetBytes(pair.Key), pair.Value)).OrderByDescending(pair => pair.Item1.Length)];
        firstBytes = System.Buffers.SearchValues.Create([.. longestFirst.Select(entry => entry.Text[0]).Distinct()]);
    }

    /// <summary>Appends the ids of the texts found before <paramref name="end"/> and, through <paramref name="encode"/>, those of what lies between.</summary>
    internal void Split(ReadOnlySpan<byte> text, int end, List<int> ids, Encode encode)
    {
        var done = 0;
        for (var at = 0; at < end; at++)
        {
            var skip = text[at..end].IndexOfAny(firstBytes);
            if (skip < 0) break;
            at += skip;
            foreach (var (found, id) in longestFirst)
            {
                if (!text[at..].StartsWith(found)) continue;
                // What precedes a match is a text of its own: its last piece does not see the match.
                encode(text[done..at], at - done, ids);
                ids.Add(id);
                done = at + found.Length;
                at = done - 1;
                break;
            }
        }
        if (done < end) encode(text[done..], end - done, ids);
    }
}
