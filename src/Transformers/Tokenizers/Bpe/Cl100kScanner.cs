using static Transformers.Tokenizers.Bpe.CharacterClasses;

namespace Transformers.Tokenizers.Bpe;

/// <summary>The pattern of cl100k and Llama 3: contractions in any case, words with one sign or space before them, numbers in threes.</summary>
sealed class Cl100kScanner : PieceScanner
{
    internal override int Next(ReadOnlySpan<byte> text, int start)
    {
        var found = At(text, start, out var length);
        var next = start + length;
        if ((found & Letter) != 0) return Run(text, next, Letter);
        var contraction = Contraction(text, start, anyCase: true);
        if (contraction > 0) return start + contraction;
        if ((found & Number) != 0) return UpToThreeNumbers(text, start);

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
