namespace Transformers.Tokenizers;

/// <summary>Encodes a text that arrives in parts, in memory that is bounded by the longest stretch without a safe cut, not by the text.</summary>
/// <remarks>The ids are those of the whole text. Without a pattern, a text is one piece and is held as a whole.</remarks>
public sealed class StreamingEncoder
{
    const int Block = 64 * 1024;
    readonly TextTokenizer tokenizer;
    byte[] buffer = new byte[2 * Block];
    int filled;
    // A buffer without a cut is not searched again until it has doubled, so the search stays linear.
    int wanted = Block;
    long lines;

    internal StreamingEncoder(TextTokenizer tokenizer) => this.tokenizer = tokenizer;

    /// <summary>Takes the next part of the UTF-8 text, cut anywhere, and appends the ids that are certain by now.</summary>
    /// <exception cref="UserException">The text contains something that the vocabulary cannot express.</exception>
    public void Append(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        while (utf8.Length > 0)
        {
            if (filled == buffer.Length) Array.Resize(ref buffer, (int)Math.Min(Array.MaxLength, buffer.Length * 2L));
            if (filled == buffer.Length) throw new UserException($"the text has more than {filled:N0} bytes without a position where it can be split");
            var taken = Math.Min(utf8.Length, Math.Min(buffer.Length, Math.Max(wanted, filled + 1)) - filled);
            utf8[..taken].CopyTo(buffer.AsSpan(filled));
            filled += taken;
            utf8 = utf8[taken..];
            if (filled >= wanted) EncodeToCut(ids);
        }
    }

    /// <summary>Ends the text and appends the ids of what was held back; another text may follow.</summary>
    /// <exception cref="UserException">The text contains something that the vocabulary cannot express.</exception>
    public void Finish(List<int> ids)
    {
        EncodeUntil(buffer.AsSpan(0, filled), filled, ids);
        (filled, wanted, lines) = (0, Block, 0);
    }

    void EncodeToCut(List<int> ids)
    {
        var text = buffer.AsSpan(0, filled);
        var cut = tokenizer.LastCut(text);
        if (cut > 0)
        {
            EncodeUntil(text, cut, ids);
            text[cut..].CopyTo(buffer);
            filled -= cut;
        }
        wanted = (int)Math.Min(Array.MaxLength, Math.Max(Block, filled * 2L));
    }

    void EncodeUntil(ReadOnlySpan<byte> text, int end, List<int> ids)
    {
        try
        {
            tokenizer.EncodeUntil(text, end, ids);
        }
        catch (UserException exception) when (exception.Problems is [{ Line: { } line } problem])
        {
            throw new UserException([problem with { Line = (int)Math.Min(int.MaxValue, lines + line) }], exception);
        }
        lines += text[..end].Count((byte)'\n');
    }
}

/// <summary>Decodes ids as they arrive; a character is returned when its last byte has arrived.</summary>
public sealed class StreamingDecoder
{
    readonly TextTokenizer tokenizer;
    readonly bool withSpecialTokens;
    readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    bool first = true;

    internal StreamingDecoder(TextTokenizer tokenizer, bool withSpecialTokens) => (this.tokenizer, this.withSpecialTokens) = (tokenizer, withSpecialTokens);

    /// <summary>The text that one more id completes; often empty inside a character of several tokens.</summary>
    /// <exception cref="UserException">The id is not in the vocabulary.</exception>
    public string Append(int id) => Convert(tokenizer.BytesInText(id, withSpecialTokens, ref first), flush: false);

    /// <summary>Ends the text: U+FFFD if a character is incomplete, else nothing.</summary>
    public string Finish() => Convert([], flush: true);

    string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[decoder.GetCharCount(bytes, flush)];
        return new string(characters.AsSpan(0, decoder.GetChars(bytes, characters, flush)));
    }
}
