using Transformers.IO;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers;

/// <summary>One id per byte, its value; special tokens from 256 on (Xue et al. 2022, ByT5, without its offset).</summary>
public sealed class ByteTokenizer : TextTokenizer
{
    static readonly byte[] AllBytes = [.. Enumerable.Range(0, 256).Select(b => (byte)b)];

    readonly Dictionary<string, int> special = [];
    readonly Lazy<string> hash;

    /// <summary>A tokenizer with the 256 bytes and special tokens.</summary>
    /// <param name="specialTokens">Their texts; <see cref="TextTokenizer.DefaultEndOfText"/> alone if null.</param>
    /// <exception cref="UserException">A special token is empty, too long or given twice.</exception>
    public ByteTokenizer(IReadOnlyList<string>? specialTokens = null)
    {
        specialTokens ??= [DefaultEndOfText];
        SpecialTokenNames.Check(specialTokens);
        foreach (var name in specialTokens)
        {
            if (name.Length == 1 && ByteAlphabet.ToBytes(name) is not null)
                throw new UserException($"special token '{name}' is the name of a byte");
            special.Add(name, 256 + special.Count);
        }
        hash = new(() => Definition.Hash());
    }

    /// <inheritdoc/>
    public override int VocabularySize => 256 + special.Count;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => special;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    /// <summary>The same as a BPE without merges, which is how it is saved.</summary>
    BpeDefinition Definition => new()
    {
        Tokens = [.. AllBytes.Select(b => (byte[]?)[b]), .. special.Select(_ => (byte[]?)null)],
        Merges = [],
        Special = special,
        Pattern = SplitPattern.None,
    };

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        ids.EnsureCapacity(ids.Count + utf8.Length);
        foreach (var b in utf8) ids.Add(b);
    }

    internal override int LastCut(ReadOnlySpan<byte> text) => text.Length;

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> BytesOf(int id)
    {
        if ((uint)id >= (uint)VocabularySize) throw NotAnId(id);
        return id < 256 ? AllBytes.AsMemory(id, 1) : default;
    }

    /// <inheritdoc/>
    public override void Save(Stream target) => HuggingFaceWriter.Write(Definition, target);
}
