using static Transformers.Tokenizers.Bpe.CharacterClasses;

namespace Transformers.Tokenizers.Bpe;

/// <summary>GPT-2's pattern: contractions, then words, numbers and signs, each with at most one space before it, then white space.</summary>
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
