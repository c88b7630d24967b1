using System.Text;
using Microsoft.ML.Tokenizers;

namespace Transformers.Tokenizers;

/// <summary>Finds where tokens are in their text.</summary>
static class TokenOffsets
{
    /// <summary>Tokens with their offsets in UTF-16 units, for tokens whose bytes together are the text.</summary>
    /// <remarks>A token of a part of a character covers the whole character, so that neighbours may overlap there.</remarks>
    internal static EncodedToken[] Locate(ReadOnlySpan<char> text, List<int> ids, TextTokenizer tokenizer)
    {
        var tokens = new EncodedToken[ids.Count];
        int at = 0, atByte = 0; // A character's start in UTF-16 units and in bytes.
        var startByte = 0;
        for (var i = 0; i < tokens.Length; i++)
        {
            var bytes = tokenizer.BytesOf(ids[i]);
            var endByte = startByte + bytes.Length;
            while (at < text.Length && atByte + Bytes(text, at) <= startByte) (at, atByte) = Behind(text, at, atByte);
            var start = at;
            while (at < text.Length && atByte + Bytes(text, at) <= endByte) (at, atByte) = Behind(text, at, atByte);
            var end = atByte < endByte ? Behind(text, at, atByte).At : at;
            tokens[i] = new(ids[i], Encoding.UTF8.GetString(bytes.Span), new Range(start, end));
            startByte = endByte;
        }
        return tokens;
    }

    static int Bytes(ReadOnlySpan<char> text, int at) =>
        text[at] < 0x80 ? 1 : text[at] < 0x800 ? 2 : char.IsHighSurrogate(text[at]) ? 4 : 3;

    static (int At, int AtByte) Behind(ReadOnlySpan<char> text, int at, int atByte)
    {
        var bytes = Bytes(text, at);
        return (at + (bytes == 4 ? 2 : 1), atByte + bytes);
    }
}
