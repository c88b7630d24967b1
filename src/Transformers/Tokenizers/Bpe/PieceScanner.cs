using static Transformers.Tokenizers.Bpe.CharacterClasses;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Cuts UTF-8 text into the pieces of one <see cref="SplitPattern"/>, in one pass and without backtracking over more than a run.</summary>
/// <remarks>Malformed bytes count as characters that are neither letter, number nor space, so any bytes can be cut.</remarks>
abstract class PieceScanner
{
    /// <summary>The scanner of a pattern.</summary>
    internal static PieceScanner For(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Gpt2 => new Gpt2Scanner(),
        SplitPattern.Cl100k => new Cl100kScanner(),
        SplitPattern.O200k => new O200kScanner(),
        _ => new WholeTextScanner(),
    };

    /// <summary>Where the piece that begins at <paramref name="start"/> ends; always behind it.</summary>
    internal abstract int Next(ReadOnlySpan<byte> text, int start);

    /// <summary>
    /// The last position at which a piece begins whatever stands before or follows, 0 if there is none in sight;
    /// a stream may be cut there, if the part before is scanned with the part behind in view.
    /// </summary>
    internal virtual int LastCut(ReadOnlySpan<byte> text)
    {
        for (var p = text.Length - 1; p > 0; p--)
        {
            if (!IsWhole(text, p, out var here)) continue;
            if ((here & Space) == 0)
            {
                // Nothing joins a newline to what follows, but for a slash in some patterns.
                if (text[p - 1] == '\n' && !JoinsNewlines(text[p])) return p;
            }
            // A single space between two visible characters always opens a piece.
            else if (text[p] == ' ' && p + 1 < text.Length && IsWhole(text, p + 1, out var after) && (after & Space) == 0 && VisibleBefore(text, p))
                return p;
        }
        return 0;
    }

    /// <summary>Whether a visible character may belong to a piece in which a newline stands before it.</summary>
    protected virtual bool JoinsNewlines(byte next) => false;

    static bool IsWhole(ReadOnlySpan<byte> text, int position, out byte found)
    {
        found = At(text, position, out var length);
        return OfByte[text[position]] != Multibyte || length > 1;
    }

    static bool VisibleBefore(ReadOnlySpan<byte> text, int position)
    {
        var start = position - 1;
        while (start > 0 && position - start < 4 && (text[start] & 0xC0) == 0x80) start--;
        return IsWhole(text, start, out var found) && (found & Space) == 0 && At(text, start, out var length) == found && start + length == position;
    }

    /// <summary>The end of the run of characters that have one of the classes in a mask.</summary>
    protected static int Run(ReadOnlySpan<byte> text, int position, byte mask)
    {
        while (position < text.Length)
        {
            if ((OfByte[text[position]] & mask) != 0)
            {
                position++;
                continue;
            }
            if ((At(text, position, out var length) & mask) == 0) break;
            position += length;
        }
        return position;
    }

    /// <summary>The end of the run of <c>[^\s\p{L}\p{N}]</c>.</summary>
    protected static int OtherRun(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && (At(text, position, out var length) & (Letter | Number | Space)) == 0) position += length;
        return position;
    }

    /// <summary>The end of at most three numbers.</summary>
    protected static int UpToThreeNumbers(ReadOnlySpan<byte> text, int position)
    {
        for (var n = 0; n < 3 && position < text.Length && (At(text, position, out var length) & Number) != 0; n++) position += length;
        return position;
    }

    /// <summary>
    /// The end of a piece of white space: <c>\s*[\r\n]+</c> if <paramref name="newlines"/>, else or failing that <c>\s+(?!\S)|\s+</c>:
    /// the run without its last character where something visible follows, for that character goes with it.
    /// </summary>
    protected static int WhiteSpace(ReadOnlySpan<byte> text, int start, bool newlines)
    {
        int p = start, last = start, behindNewline = -1;
        while (p < text.Length)
        {
            var found = At(text, p, out var length);
            if ((found & Space) == 0) break;
            last = p;
            p += length;
            if ((found & Newline) != 0) behindNewline = p;
        }
        if (newlines && behindNewline >= 0) return behindNewline;
        return p == text.Length || last == start ? p : last;
    }

    /// <summary>The length of an English contraction (<c>'s 't 're 've 'm 'll 'd</c>) at a position, 0 if there is none.</summary>
    protected static int Contraction(ReadOnlySpan<byte> text, int position, bool anyCase)
    {
        if (position + 1 >= text.Length || text[position] != '\'') return 0;
        // U+017F, the long s, folds to s; no other letter of the list has a relative outside ASCII.
        if (anyCase && text[position + 1] == 0xC5) return position + 2 < text.Length && text[position + 2] == 0xBF ? 3 : 0;
        var first = Fold(text[position + 1], anyCase);
        if (first is (byte)'s' or (byte)'t' or (byte)'m' or (byte)'d') return 2;
        if (position + 2 >= text.Length) return 0;
        var second = Fold(text[position + 2], anyCase);
        return (first, second) is ((byte)'r', (byte)'e') or ((byte)'v', (byte)'e') or ((byte)'l', (byte)'l') ? 3 : 0;
    }

    static byte Fold(byte letter, bool anyCase) => anyCase && letter is >= (byte)'A' and <= (byte)'Z' ? (byte)(letter | 0x20) : letter;

    sealed class WholeTextScanner : PieceScanner
    {
        internal override int Next(ReadOnlySpan<byte> text, int start) => text.Length;
        internal override int LastCut(ReadOnlySpan<byte> text) => 0;
    }
}
