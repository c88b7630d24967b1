using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers.Bpe;

/// <summary>What SentencePiece does to a text before it is cut: replacements, extra spaces removed, a space in front, spaces written as U+2581.</summary>
/// <remarks>The library's own normalizer drops texts of one character and, before BPE, leaves the replacements out.</remarks>
sealed class PieceNormalizer : Normalizer
{
    /// <summary>How a space is written in pieces: U+2581.</summary>
    internal const char Space = '\u2581';

    static readonly byte[] SpaceBytes = Encoding.UTF8.GetBytes("\u2581");
    static readonly byte[] Replacement = Encoding.UTF8.GetBytes("\uFFFD");
    readonly PrecompiledMap map;
    readonly bool dummyPrefix, removeExtraSpaces;
    readonly byte[][] keptWhole;

    internal PieceNormalizer(SentencePieceModel model)
    {
        map = new PrecompiledMap(model.CharacterMap.Span);
        (dummyPrefix, removeExtraSpaces) = (model.AddsDummyPrefix, model.RemovesExtraSpaces);
        keptWhole = [.. model.Pieces.Where(piece => piece.Type == PieceType.UserDefined)
            .Select(piece => Encoding.UTF8.GetBytes(piece.Text)).OrderByDescending(text => text.Length)];
    }

    public override string Normalize(ReadOnlySpan<char> original)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(original)];
        Encoding.UTF8.GetBytes(original, utf8);
        return Normalize(utf8);
    }

    public override string Normalize(string original) => Normalize(original.AsSpan());

    internal string Normalize(ReadOnlySpan<byte> utf8)
    {
        var output = new byte[SpaceBytes.Length * (utf8.Length + 1)];
        var count = 0;
        var afterSpace = removeExtraSpaces;
        var isStart = true;
        while (!utf8.IsEmpty)
        {
            var length = Next(utf8, out var part);
            utf8 = utf8[length..];
            while (afterSpace && part.StartsWith((byte)' ')) part = part[1..];
            if (part.IsEmpty) continue;
            if (output.Length - count < SpaceBytes.Length * (part.Length + utf8.Length + 1)) Array.Resize(ref output, 2 * output.Length + SpaceBytes.Length * part.Length);
            if (isStart && dummyPrefix) AppendSpace(output, ref count);
            isStart = false;
            foreach (var b in part)
                if (b == (byte)' ') AppendSpace(output, ref count);
                else output[count++] = b;
            afterSpace = removeExtraSpaces && part.EndsWith((byte)' ');
        }
        while (removeExtraSpaces && output.AsSpan(0, count).EndsWith(SpaceBytes)) count -= SpaceBytes.Length;
        return Encoding.UTF8.GetString(output, 0, count);
    }

    static void AppendSpace(byte[] output, ref int count)
    {
        SpaceBytes.CopyTo(output, count);
        count += SpaceBytes.Length;
    }

    // What the text's next characters become, and how many bytes they have.
    int Next(ReadOnlySpan<byte> utf8, out ReadOnlySpan<byte> part)
    {
        foreach (var whole in keptWhole)
            if (utf8.StartsWith(whole))
            {
                part = whole;
                return whole.Length;
            }
        var found = map.Find(utf8, out part);
        if (found > 0) return found;
        if (Rune.DecodeFromUtf8(utf8, out _, out var length) == OperationStatus.Done)
        {
            part = utf8[..length];
            return length;
        }
        part = Replacement;
        return 1;
    }
}
