using static Transformers.Tokenizers.Bpe.CharacterClasses;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Cuts UTF-8 text into the pieces of one <see cref="SplitPattern"/>, in one pass and without backtracking over more than a run.</summary>
/// <remarks>Malformed bytes count as characters that are neither letter, number nor space, so any bytes can be cut.</remarks>
abstract class PieceScanner
{
    internal static PieceScanner For(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Gpt2 => new Gpt2Scanner(),
        SplitPattern.Cl100k => new Cl100kScanner(numbers: 3),
        SplitPattern.Qwen2 => new Cl100kScanner(numbers: 1),
        SplitPattern.O200k => new O200kScanner(),
        _ => new WholeTextScanner(),
    };

    /// <summary>Where the piece that begins at <paramref name="start"/> ends; always after it.</summary>
    internal abstract int Next(ReadOnlySpan<byte> text, int start);

    // The last position at which a piece begins regardless of what precedes or follows, 0 if there is none in sight;
    // a stream may be cut there, if the part before it is scanned with the part after it in view.
    internal virtual int LastCut(ReadOnlySpan<byte> text)
    {
        for (var p = text.Length - 1; p > 0; p--)
        {
            if (!IsWhole(text, p, out var here)) continue;
            if ((here & Space) == 0)
            {
                // Nothing joins a newline to what follows, except a slash in some patterns.
                if (text[p - 1] == '\n' && !JoinsNewlines(text[p])) return p;
            }
            // A single space between two visible characters always starts a piece.
            else if (text[p] == ' ' && p + 1 < text.Length && IsWhole(text, p + 1, out var after) && (after & Space) == 0 && VisibleBefore(text, p))
                return p;
        }
        return 0;
    }

    /// <summary>Whether a visible character may belong to a piece in which a newline precedes it.</summary>
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

    protected static int UpToNumbers(ReadOnlySpan<byte> text, int position, int most)
    {
        for (var n = 0; n < most && position < text.Length && (At(text, position, out var length) & Number) != 0; n++) position += length;
        return position;
    }

    // The end of a piece of white space: \s*[\r\n]+ if newlines, else or failing that \s+(?!\S)|\s+:
    // the run without its last character if something visible follows, since that character belongs to the next piece.
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
        // U+017F, the long s, folds to s; no other letter of the list has a variant outside ASCII.
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

/// <summary>Separates numbers, in groups of at most this many digits, before another pattern cuts the rest: <c>Digits</c> of Hugging Face's files.</summary>
sealed class NumberScanner(int most) : PieceScanner
{
    internal override int Next(ReadOnlySpan<byte> text, int start)
    {
        var position = UpToNumbers(text, start, most);
        if (position > start) return position;
        while (position < text.Length && (At(text, position, out var length) & Number) == 0) position += length;
        return position;
    }
}

/// <summary>GPT-2's pattern: contractions, then words, numbers and symbols, each with at most one space before it, then white space.</summary>
sealed class Gpt2Scanner : PieceScanner
{
    internal override int Next(ReadOnlySpan<byte> text, int start)
    {
        var contraction = Contraction(text, start, anyCase: false);
        if (contraction > 0) return start + contraction;
        var first = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        var found = At(text, first, out var length);
        if ((found & Letter) != 0) return Run(text, first + length, Letter);
        if ((found & Number) != 0) return Run(text, first + length, Number);
        if ((found & Space) == 0) return OtherRun(text, first + length);
        return WhiteSpace(text, start, newlines: false);
    }
}

/// <summary>The pattern of cl100k and Llama 3: contractions in any case, words with one symbol or space before them, numbers in threes; Qwen's has each digit by itself.</summary>
sealed class Cl100kScanner(int numbers) : PieceScanner
{
    internal override int Next(ReadOnlySpan<byte> text, int start)
    {
        var found = At(text, start, out var length);
        var next = start + length;
        if ((found & Letter) != 0) return Run(text, next, Letter);
        var contraction = Contraction(text, start, anyCase: true);
        if (contraction > 0) return start + contraction;
        if ((found & Number) != 0) return UpToNumbers(text, start, numbers);

        var second = Space;
        if (next < text.Length)
        {
            second = At(text, next, out var secondLength);
            if ((second & Letter) != 0 && (found & Newline) == 0) return Run(text, next + secondLength, Letter);
        }
        var opensSigns = (found & Space) == 0 || (text[start] == ' ' && (second & (Letter | Number | Space)) == 0);
        return opensSigns ? Run(text, OtherRun(text, next), Newline) : WhiteSpace(text, start, newlines: true);
    }
}

/// <summary>o200k's pattern: as <see cref="Cl100kScanner"/>, but words end where lower case turns to upper, and keep their contraction.</summary>
sealed class O200kScanner : PieceScanner
{
    protected override bool JoinsNewlines(byte next) => next == '/';

    internal override int Next(ReadOnlySpan<byte> text, int start)
    {
        var found = At(text, start, out var length);
        var next = start + length;
        // A word may begin with one character that is neither letter, number nor newline.
        var prefixed = (found & (Letter | Number | Newline)) == 0;
        var word = prefixed ? EndOfLower(text, next) : 0;
        // A combining mark is such a character, but also a letter of a word.
        if (word == 0) word = EndOfLower(text, start);
        if (word == 0)
        {
            var upper = prefixed ? next : start;
            word = Run(text, upper, Upper);
            if (word == upper) word = 0;
        }
        if (word > 0) return word + Contraction(text, word, anyCase: true);

        if ((found & Number) != 0) return UpToNumbers(text, start, 3);
        var opensSigns = (found & Space) == 0
            || (text[start] == ' ' && next < text.Length && (At(text, next, out _) & (Letter | Number | Space)) == 0);
        return opensSigns ? NewlinesAndSlashes(text, OtherRun(text, next)) : WhiteSpace(text, start, newlines: true);
    }

    // The end of Upper* Lower+, 0 if it does not match. The classes share the caseless letters and the marks: where no
    // lower-case letter follows the run of the first class, the last shared character of the run serves as the second.
    static int EndOfLower(ReadOnlySpan<byte> text, int position)
    {
        var shared = 0;
        while (position < text.Length)
        {
            var found = At(text, position, out var length);
            if ((found & Upper) == 0) return (found & Lower) != 0 ? Run(text, position + length, Lower) : shared;
            position += length;
            if ((found & Lower) != 0) shared = position;
        }
        return shared;
    }

    static int NewlinesAndSlashes(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n' or (byte)'/') position++;
        return position;
    }
}
