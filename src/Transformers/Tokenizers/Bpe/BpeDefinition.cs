using System.Text;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Everything that decides the ids of a byte-level BPE, as read from a file or trained.</summary>
sealed class BpeDefinition
{
    /// <summary>The bytes of each id; null if the id is that of a special token or unused.</summary>
    internal required byte[]?[] Tokens { get; init; }
    internal required IReadOnlyList<Merge> Merges { get; init; }
    /// <summary>Special tokens, matched only where they are allowed.</summary>
    internal required IReadOnlyDictionary<string, int> Special { get; init; }
    /// <summary>Added tokens that are always matched, regardless of the pieces; their bytes are in <see cref="Tokens"/>.</summary>
    internal IReadOnlyDictionary<string, int> AlwaysMatched { get; init; } = new Dictionary<string, int>();
    /// <summary>The rules for added tokens, including special ones, that are not matched literally.</summary>
    internal IReadOnlyDictionary<string, AddedRule> Rules { get; init; } = new Dictionary<string, AddedRule>();
    internal required SplitPattern Pattern { get; init; }
    /// <summary>The patterns that cut the text before <see cref="Pattern"/>, each within the pieces of the one before.</summary>
    internal IReadOnlyList<PieceScanner> CutBefore { get; init; } = [];
    /// <summary>Whether a text, or a piece of <see cref="CutBefore"/>, gets a space in front if it has none.</summary>
    internal bool PrefixSpace { get; init; }
    /// <summary>Whether text is converted to Unicode's normal form C.</summary>
    internal bool Composes { get; init; }
    /// <summary>The pre-tokenizer of the file that this was read from, as JSON; null if the pattern describes it completely.</summary>
    internal string? PreTokenizer { get; init; }
    /// <summary>The special tokens that the post-processor puts before and after a text.</summary>
    internal (int[] Before, int[] After) Frame { get; init; } = ([], []);
    /// <summary>Whether a piece that is a token is that token even if no merges lead to it.</summary>
    internal bool WholePiecesFirst { get; init; }
    /// <summary>The post-processor of a Hugging Face file, as JSON, to be written again: it only puts special tokens around the ids (<see cref="Frame"/>).</summary>
    internal string? PostProcessor { get; init; }

    internal string Hash()
    {
        var hash = new CanonicalHash("bpe");
        hash.Add(SplitPatterns.NameOf(Pattern));
        hash.Add(WholePiecesFirst ? 1 : 0);
        hash.AddTokens(Tokens);
        hash.Add(Merges.Count);
        foreach (var (left, right, result) in Merges)
        {
            hash.Add(left);
            hash.Add(right);
            hash.Add(result);
        }
        hash.AddNames(Special);
        hash.AddNames(AlwaysMatched);
        // Only if it differs from what every file once had to have, so that the hashes of those files do not change.
        if (Composes) hash.Add("nfc");
        if (PrefixSpace) hash.Add("prefix space");
        if (PreTokenizer is { } preTokenizer) hash.Add(preTokenizer);
        var orderMatters = Composes || AlwaysMatched.Keys.Select(name => Rules.GetValueOrDefault(name).Normalized).Distinct().Count() > 1;
        foreach (var (name, given) in Rules.OrderBy(rule => rule.Key, StringComparer.Ordinal))
        {
            var rule = given with { Normalized = given.Normalized && orderMatters };
            if (rule == default) continue;
            hash.Add(name);
            hash.Add((rule.SingleWord ? 1 : 0) | (rule.StripLeft ? 2 : 0) | (rule.StripRight ? 4 : 0) | (rule.Normalized ? 8 : 0));
        }
        return hash.Finish();
    }
}

/// <summary>GPT-2's way of writing bytes as visible characters: printable Latin-1 as itself, the other 68 bytes from U+0100 on.</summary>
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

    internal static string ToText(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes) text.Append(CharOfByte[b]);
        return text.ToString();
    }

    /// <summary>The bytes that a text of the alphabet encodes, or null if it has another character.</summary>
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
