using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Transformers.Tokenizers.Bpe;

/// <summary>The character classes that split patterns use, in tables.</summary>
static class CharacterClasses
{
    /// <summary><c>\p{L}</c>.</summary>
    internal const byte Letter = 1;
    /// <summary><c>\p{N}</c>.</summary>
    internal const byte Number = 2;
    /// <summary><c>\s</c>: the White_Space property.</summary>
    internal const byte Space = 4;
    /// <summary>CR and LF, which are <see cref="Space"/> too.</summary>
    internal const byte Newline = 8;
    /// <summary>What may be in the upper-case part of an o200k word: Lu, Lt, Lm, Lo, M.</summary>
    internal const byte Upper = 16;
    /// <summary>What may be in its lower-case part: Ll, Lm, Lo, M.</summary>
    internal const byte Lower = 32;
    /// <summary>In <see cref="OfByte"/> alone: the byte belongs to a character of several bytes.</summary>
    internal const byte Multibyte = 128;

    // One page per 256 code points, made when first needed: English text never needs the rest.
    static readonly byte[]?[] Pages = new byte[0x1100][];

    /// <summary>The class of each ASCII byte, <see cref="Multibyte"/> for all others.</summary>
    internal static readonly byte[] OfByte = MakeByteTable();

    static byte[] MakeByteTable()
    {
        var table = new byte[256];
        Array.Fill(table, Multibyte);
        for (var c = 0; c < 128; c++) table[c] = Classify(c);
        return table;
    }

    /// <summary>The class and the length in bytes of the character at a position; malformed bytes are characters of no class, one byte long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte At(ReadOnlySpan<byte> text, int position, out int length)
    {
        var found = OfByte[text[position]];
        length = 1;
        return found == Multibyte ? AtMultibyte(text, position, out length) : found;
    }

    static byte AtMultibyte(ReadOnlySpan<byte> text, int position, out int length)
    {
        if (Rune.DecodeFromUtf8(text[position..], out var rune, out length) == System.Buffers.OperationStatus.Done) return Of(rune.Value);
        length = 1;
        return 0;
    }

    internal static byte Of(int codePoint)
    {
        var page = Pages[codePoint >> 8] ?? MakePage(codePoint >> 8);
        return page[codePoint & 255];
    }

    static byte[] MakePage(int index)
    {
        var page = new byte[256];
        for (var i = 0; i < 256; i++) page[i] = Classify(index * 256 + i);
        return Pages[index] = page;
    }

    static byte Classify(int codePoint)
    {
        if (codePoint is '\r' or '\n') return Space | Newline;
        // These are not in the separator categories, but have the White_Space property.
        if (codePoint is >= 9 and <= 13 or 0x85) return Space;
        return CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Letter | Upper,
            UnicodeCategory.LowercaseLetter => Letter | Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter | Upper | Lower,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Upper | Lower,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
            UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => Space,
            _ => 0,
        };
    }
}
