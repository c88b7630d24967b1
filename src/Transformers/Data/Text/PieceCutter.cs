namespace Transformers.Data.Text;

/// <summary>Cuts long texts into pieces at places where no pre-tokenizer looks across, so that the ids are those of the whole text.</summary>
/// <remarks>
/// The place is before a space that stands between two ASCII letters: the GPT-2, cl100k, llama-3 and o200k patterns all end a piece
/// there. A text that has none for <see cref="PieceBytes"/> / 2 bytes is cut between two characters; then one token may fall in two.
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
        // Between two characters, and not behind a line end, which may belong to a separator that follows.
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
