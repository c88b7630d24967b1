using static Transformers.Tokenizers.Bpe.CharacterClasses;

namespace Transformers.Tokenizers.Bpe;

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

        if ((found & Number) != 0) return UpToThreeNumbers(text, start);
        var opensSigns = (found & Space) == 0
            || (text[start] == ' ' && next < text.Length && (At(text, next, out _) & (Letter | Number | Space)) == 0);
        return opensSigns ? NewlinesAndSlashes(text, OtherRun(text, next)) : WhiteSpace(text, start, newlines: true);
    }

    /// <summary>
    /// The end of <c>Upper* Lower+</c>, 0 if it does not match. The classes share the caseless letters and the marks: where no
    /// lower-case letter follows the run of the first class, the last shared character of the run serves as the second.
    /// </summary>
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
