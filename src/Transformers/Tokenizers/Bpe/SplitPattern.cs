using System.Runtime.CompilerServices;

namespace Transformers.Tokenizers.Bpe;

/// <summary>How text is cut into pieces before byte pairs are merged; no merge crosses a piece's border.</summary>
public enum SplitPattern
{
    /// <summary>No splitting: a whole text is one piece, and tokens can span anything. Training splits after newlines and at 64 KiB.</summary>
    None,
    /// <summary>GPT-2's, also used by r50k and p50k.</summary>
    Gpt2,
    /// <summary>GPT-4's: numbers in threes, newlines kept together.</summary>
    Cl100k,
    /// <summary>Llama 3's, which equals cl100k.</summary>
    Llama3 = Cl100k,
    /// <summary>GPT-4o's: words are also split where their case changes.</summary>
    O200k,
    /// <summary>Qwen 2's and 3's: cl100k with each digit by itself.</summary>
    Qwen2,
}

/// <summary>The names and published regular expressions of the <see cref="SplitPattern"/> values.</summary>
public static class SplitPatterns
{
    const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    const string Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";

    const string Gpt2Text = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    const string Cl100kText = Contractions
        + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string Qwen2Text = Contractions
        + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string O200kText = @"[^\r\n\p{L}\p{N}]?" + Upper + "*" + Lower + "+" + Contractions + "?"
        + @"|[^\r\n\p{L}\p{N}]?" + Upper + "+" + Lower + "*" + Contractions + "?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // Every published variant of a pattern, all of which give the same pieces.
    static readonly Dictionary<string, SplitPattern> Known = new()
    {
        [Gpt2Text] = SplitPattern.Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = SplitPattern.Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"] = SplitPattern.Gpt2,
        [Cl100kText] = SplitPattern.Cl100k,
        [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"] = SplitPattern.Cl100k,
        [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"] = SplitPattern.Cl100k,
        [O200kText] = SplitPattern.O200k,
        [Qwen2Text] = SplitPattern.Qwen2,
    };

    /// <summary>The names that <see cref="Parse"/> knows, for messages and help.</summary>
    public const string Names = "gpt2, cl100k, llama3, qwen2, o200k, none";

    /// <summary>The pattern of a name.</summary>
    /// <exception cref="UserException">The name is not one of <see cref="Names"/>.</exception>
    public static SplitPattern Parse(string name) => name.ToLowerInvariant() switch
    {
        "gpt2" => SplitPattern.Gpt2,
        "cl100k" or "llama3" => SplitPattern.Cl100k,
        "qwen2" => SplitPattern.Qwen2,
        "o200k" => SplitPattern.O200k,
        "none" => SplitPattern.None,
        _ => throw new UserException($"pattern '{name}' is not one of {Names}"),
    };

    /// <summary>The name of a pattern as <see cref="Parse"/> reads it.</summary>
    public static string NameOf(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Gpt2 => "gpt2",
        SplitPattern.Cl100k => "cl100k",
        SplitPattern.O200k => "o200k",
        SplitPattern.Qwen2 => "qwen2",
        _ => "none",
    };

    /// <summary>The published regular expression of a pattern; empty for <see cref="SplitPattern.None"/>.</summary>
    public static string RegexOf(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Gpt2 => Gpt2Text,
        SplitPattern.Cl100k => Cl100kText,
        SplitPattern.O200k => O200kText,
        SplitPattern.Qwen2 => Qwen2Text,
        _ => "",
    };

    /// <summary>The pattern that a regular expression describes in one of its published forms, or null.</summary>
    public static SplitPattern? FromRegex(string regex) => Known.TryGetValue(regex, out var pattern) ? pattern : null;
}

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
