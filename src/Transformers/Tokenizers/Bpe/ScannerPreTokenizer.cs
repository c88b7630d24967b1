using System.Text;
using Microsoft.ML.Tokenizers;

namespace Transformers.Tokenizers.Bpe;

/// <summary>A <see cref="PieceScanner"/> as a pre-tokenizer of Microsoft.ML.Tokenizers: pieces as offsets and lengths in UTF-16 units.</summary>
sealed class ScannerPreTokenizer(PieceScanner scanner) : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, utf8);
        var pieces = new List<(int, int)>();
        for (int start = 0, next, offset = 0; start < utf8.Length; start = next)
        {
            next = scanner.Next(utf8, start);
            var length = Encoding.UTF8.GetCharCount(utf8, start, next - start);
            pieces.Add((offset, length));
            offset += length;
        }
        return pieces;
    }
}
