using System.Buffers;
using Microsoft.ML.Tokenizers;

namespace Transformers.Tokenizers;

// The interface of Microsoft.ML.Tokenizers. Offsets are indices of UTF-16 units; a token of a part of a character covers the whole character.
public abstract partial class TextTokenizer
{
    /// <summary>The tokens of a text with their offsets, at most <see cref="EncodeSettings.MaxTokenCount"/> and never only some of a character's.</summary>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var ids = Encode(text ?? textSpan, settings);
        var tokens = Locate(text ?? textSpan, ids);
        return Limited(tokens, (text ?? textSpan).Length, settings);
    }

    /// <summary>The ids of a text, at most <see cref="EncodeSettings.MaxTokenCount"/> and never only some of a character's.</summary>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var span = text ?? textSpan;
        var ids = Encode(span, settings);
        if (ids.Count <= settings.MaxTokenCount) return new() { Tokens = ids, CharsConsumed = span.Length };
        var (count, consumed) = Fit(Locate(span, ids), settings.MaxTokenCount, span.Length);
        return new() { Tokens = ids[..count], CharsConsumed = consumed };
    }

    /// <summary>The number of tokens of a text.</summary>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToIds(text, textSpan, settings).Tokens.Count;

    /// <summary>The index up to which, or from which, a text has at most that many tokens; never inside a character.</summary>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        if (!fromEnd)
        {
            var start = EncodeToTokens(text, textSpan, settings);
            (normalizedText, tokenCount) = (start.NormalizedText, start.Tokens.Count);
            return start.CharsConsumed;
        }
        var limit = settings.MaxTokenCount;
        settings.MaxTokenCount = int.MaxValue;
        var all = EncodeToTokens(text, textSpan, settings);
        normalizedText = all.NormalizedText;
        var first = Math.Max(0, all.Tokens.Count - limit);
        // A character that begins before the first token is left out.
        while (first > 0 && first < all.Tokens.Count && all.Tokens[first].Offset.Start.Value < all.Tokens[first - 1].Offset.End.Value) first++;
        tokenCount = all.Tokens.Count - first;
        return first == 0 ? 0 : tokenCount > 0 ? all.Tokens[first].Offset.Start.Value : (normalizedText ?? text ?? textSpan).Length;
    }

    /// <summary>Writes the text of ids without special tokens into a buffer.</summary>
    /// <param name="ids">Ids of the vocabulary.</param>
    /// <param name="destination">The buffer.</param>
    /// <param name="idsConsumed">The number of ids whose characters are all in the buffer.</param>
    /// <param name="charsWritten">The number of characters of those ids.</param>
    /// <returns>Done; too small a destination; or invalid data if an id is not in the vocabulary.</returns>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        (idsConsumed, charsWritten) = (0, 0);
        var decoder = Encoding.UTF8.GetDecoder();
        var (read, written, first) = (0, 0, true);
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)VocabularySize) return OperationStatus.InvalidData;
            var bytes = BytesInText(id, withSpecialTokens: false, ref first);
            if (decoder.GetCharCount(bytes, flush: false) > destination.Length - written) return OperationStatus.DestinationTooSmall;
            written += decoder.GetChars(bytes, destination[written..], flush: false);
            read++;
            if (decoder.GetCharCount([], flush: true) == 0) (idsConsumed, charsWritten) = (read, written);
        }
        if (decoder.GetCharCount([], flush: true) > destination.Length - written) return OperationStatus.DestinationTooSmall;
        written += decoder.GetChars([], destination[written..], flush: true);
        (idsConsumed, charsWritten) = (read, written);
        return OperationStatus.Done;
    }

    /// <summary>The ids of a text in one piece, for callers that ask for no pre-tokenization.</summary>
    internal virtual void EncodeUnsplit(ReadOnlySpan<byte> utf8, List<int> ids) => EncodeToIds(utf8, ids);

    /// <summary>The tokens of a text's ids, with their offsets in UTF-16 units.</summary>
    internal virtual EncodedToken[] Locate(ReadOnlySpan<char> text, List<int> ids) => TokenOffsets.Locate(text, ids, this);

    private protected List<int> Encode(ReadOnlySpan<char> text, EncodeSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount);
        var ids = new List<int>();
        if (settings.ConsiderPreTokenization) EncodeToIds(Utf8(text), ids);
        else EncodeUnsplit(Utf8(text), ids);
        return ids;
    }

    /// <summary>The requested number of a text's tokens.</summary>
    private protected static EncodeResults<EncodedToken> Limited(EncodedToken[] tokens, int length, EncodeSettings settings)
    {
        var (count, consumed) = Fit(tokens, settings.MaxTokenCount, length);
        return new() { Tokens = count == tokens.Length ? tokens : tokens[..count], CharsConsumed = consumed };
    }

    // The longest run of whole characters from the start that has at most that many tokens.
    static (int Count, int Consumed) Fit(EncodedToken[] tokens, int limit, int length)
    {
        if (tokens.Length <= limit) return (tokens.Length, length);
        var count = limit;
        while (count > 0 && tokens[count].Offset.Start.Value < tokens[count - 1].Offset.End.Value) count--;
        return (count, count == 0 ? 0 : tokens[count - 1].Offset.End.Value);
    }
}

/// <summary>Finds the offsets of tokens in their text.</summary>
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
