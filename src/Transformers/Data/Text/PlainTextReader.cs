namespace Transformers.Data.Text;

/// <summary>Reads plain text as one document, or as several with a separator line between them, in little memory.</summary>
sealed class PlainTextReader(Utf8Reader reader, string? separator, string origin)
{
    readonly byte[]? mark = separator is null ? null : Encoding.UTF8.GetBytes(separator);
    byte[] buffer = new byte[4 * PieceCutter.PieceBytes];
    int start, end;     // What is in the buffer; all of it belongs to the current document, as far as it has been scanned.
    int scanned;        // No separator line ends before this.
    int lineStart;      // Where the unfinished line begins; before start if a piece of it was already returned.
    bool open;          // Whether a piece of the current document was returned.

    /// <summary>All pieces, in order; each document ends with an empty piece, and an empty document is only that.</summary>
    public IEnumerable<TextPiece> Read()
    {
        while (Fill())
        {
            while (mark is not null && NextSeparator() is var (textEnd, next))
            {
                foreach (var piece in Take(textEnd)) yield return piece;
                yield return new TextPiece(default, true, origin);
                (start, lineStart, open) = (next, next, false);
            }
            // Pieces are cut far before the end, where there may be the start of a separator line.
            while (end - start >= 2 * PieceCutter.PieceBytes) yield return CutOne(PieceCutter.PieceBytes);
        }
        if (start == end && !open) yield break;
        foreach (var piece in Take(end)) yield return piece;
        yield return new TextPiece(default, true, origin);
    }

    /// <summary>All pieces where each line is a document, without its line end; a blank line is an empty document.</summary>
    public static IEnumerable<TextPiece> Lines(Utf8Reader reader, string origin)
    {
        foreach (var line in reader.Lines(JsonLinesReader.LongestLine))
        {
            var text = line.Span is [.., (byte)'\r'] ? line[..^1] : line;
            if (text.Span.IndexOfAnyExcept(" \t\r"u8) >= 0)
                foreach (var piece in PieceCutter.Cut(text.ToArray())) yield return new TextPiece(piece, false, origin);
            yield return new TextPiece(default, true, origin);
        }
    }

    bool Fill()
    {
        var block = reader.Next().Span;
        if (end + block.Length > buffer.Length)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end, scanned, lineStart) = (0, end - start, scanned - start, lineStart - start);
        }
        block.CopyTo(buffer.AsSpan(end));
        end += block.Length;
        return block.Length > 0;
    }

    // Scans on to the next separator line; returns where the text before it ends, without its line end, and where the text after it starts.
    (int TextEnd, int Next)? NextSeparator()
    {
        while (buffer.AsSpan(scanned, end - scanned).IndexOf((byte)'\n') is var newline and >= 0)
        {
            var (from, to) = (lineStart, scanned + newline);
            scanned = lineStart = to + 1;
            if (from >= start && WithoutReturn(from, to) is var text && buffer.AsSpan(from, text - from).SequenceEqual(mark))
                return (from > start ? WithoutReturn(start, from - 1) : from, to + 1);
        }
        scanned = end;
        return null;
    }

    int WithoutReturn(int from, int to) => to > from && buffer[to - 1] == '\r' ? to - 1 : to;

    IEnumerable<TextPiece> Take(int to)
    {
        while (to - start > PieceCutter.PieceBytes) yield return CutOne(PieceCutter.PieceBytes);
        if (to > start) yield return new TextPiece(TakeBytes(to - start), false, origin);
    }

    TextPiece CutOne(int window)
    {
        open = true;
        return new TextPiece(TakeBytes(PieceCutter.LastCut(buffer.AsSpan(start, window))), false, origin);
    }

    byte[] TakeBytes(int count)
    {
        var bytes = buffer.AsSpan(start, count).ToArray();
        start += count;
        return bytes;
    }
}

/// <summary>Cuts long texts into pieces at positions where no pre-tokenizer looks across, so that the ids are those of the whole text.</summary>
/// <remarks>
/// The position is before a space between two ASCII letters: the GPT-2, cl100k, llama-3 and o200k patterns all end a piece
/// there. A text that has none for <see cref="PieceBytes"/> / 2 bytes is cut between two characters; one token may then be split in two.
/// </remarks>
public static class PieceCutter
{
    /// <summary>The longest piece, in bytes. Below the size from which .NET puts arrays on the large object heap.</summary>
    public const int PieceBytes = 64 * 1024;

    /// <summary>The pieces of a text that is in memory, in order.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Cut(ReadOnlyMemory<byte> utf8)
    {
        while (utf8.Length > PieceBytes)
        {
            var cut = LastCut(utf8.Span[..PieceBytes]);
            yield return utf8[..cut];
            utf8 = utf8[cut..];
        }
        yield return utf8;
    }

    /// <summary>Where to cut a window of text: as late as possible, more than 0 and less than its length.</summary>
    internal static int LastCut(ReadOnlySpan<byte> window)
    {
        for (var i = window.Length - 2; i > window.Length / 2; i--)
            if (window[i] == ' ' && char.IsAsciiLetter((char)window[i - 1]) && char.IsAsciiLetter((char)window[i + 1])) return i;
        // Between two characters, but not after a line end, which may belong to a separator that follows.
        for (var i = window.Length - 1; i > window.Length / 2; i--)
            if ((window[i] & 0xC0) != 0x80 && window[i - 1] is not ((byte)'\n' or (byte)'\r')) return i;
        return LastCharacter(window);
    }

    static int LastCharacter(ReadOnlySpan<byte> window)
    {
        var i = window.Length - 1;
        while (i > 1 && (window[i] & 0xC0) == 0x80) i--;
        return i;
    }
}
