using System.Text;

namespace Transformers.Tokenizers.Bpe;

/// <summary>GPT-2's way to write bytes as visible characters: printable Latin-1 as itself, the other 68 bytes from U+0100 on.</summary>
static class ByteAlphabet
{
    static readonly char[] CharOfByte = new char[256];
    static readonly short[] ByteOfChar = new short[0x144];

    static ByteAlphabet()
    {
        Array.Fill(ByteOfChar, (short)-1);
        var next = 0x100;
        for (var b = 0; b < 256; b++)
        {
            var printable = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            CharOfByte[b] = (char)(printable ? b : next++);
            ByteOfChar[CharOfByte[b]] = (short)b;
        }
    }

    /// <summary>Bytes as text of the alphabet.</summary>
    internal static string ToText(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes) text.Append(CharOfByte[b]);
        return text.ToString();
    }

    /// <summary>The bytes that a text of the alphabet stands for, or null where it holds another character.</summary>
    internal static byte[]? ToBytes(ReadOnlySpan<char> text)
    {
        var bytes = new byte[text.Length];
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] >= ByteOfChar.Length || ByteOfChar[text[i]] < 0) return null;
            bytes[i] = (byte)ByteOfChar[text[i]];
        }
        return bytes;
    }
}
