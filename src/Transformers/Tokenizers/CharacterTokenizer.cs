using System.Buffers;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers;

/// <summary>One id per character (code point), in the order of the code points; other characters cannot be encoded.</summary>
public sealed class CharacterTokenizer : TextTokenizer
{
    readonly Dictionary<int, int> idOfCharacter = [];
    readonly int[] idOfAscii = new int[128];
    readonly byte[][] bytesOfId;
    readonly IReadOnlyDictionary<string, int> special;
    readonly Lazy<string> hash;

    /// <summary>A tokenizer with these characters by id (null if a special token has the id).</summary>
    internal CharacterTokenizer(IReadOnlyList<Rune?> characters, IReadOnlyDictionary<string, int> special)
    {
        this.special = special;
        bytesOfId = new byte[characters.Count][];
        Array.Fill(idOfAscii, -1);
        for (var id = 0; id < characters.Count; id++)
        {
            bytesOfId[id] = [];
            if (characters[id] is not { } character) continue;
            idOfCharacter.Add(character.Value, id);
            if (character.IsAscii) idOfAscii[character.Value] = id;
            bytesOfId[id] = Encoding.UTF8.GetBytes(character.ToString());
        }
        hash = new(() =>
        {
            var sum = new CanonicalHash("character");
            sum.AddTokens(bytesOfId);
            sum.AddNames(special);
            return sum.Finish();
        });
    }

    /// <summary>The vocabulary of the characters of a text, in the order of their code points, followed by special tokens.</summary>
    /// <param name="text">Well-formed text.</param>
    /// <param name="specialTokens">Special tokens; none by default, so that the ids are nanoGPT's.</param>
    /// <exception cref="UserException">The text is empty or not well-formed.</exception>
    public static CharacterTokenizer FromText(string text, IReadOnlyList<string>? specialTokens = null) =>
        FromText([new MemoryStream(Encoding.UTF8.GetBytes(text))], specialTokens);

    /// <summary>The vocabulary of the characters of streams of UTF-8 text, which are disposed of as they are read.</summary>
    /// <param name="documents">Streams of well-formed UTF-8.</param>
    /// <param name="specialTokens">Special tokens; none by default, so that the ids are nanoGPT's.</param>
    /// <exception cref="UserException">The text is empty or not well-formed.</exception>
    public static CharacterTokenizer FromText(IEnumerable<Stream> documents, IReadOnlyList<string>? specialTokens = null)
    {
        IReadOnlyList<string> names = specialTokens ?? [];
        SpecialTokenNames.Check(names);
        var seen = new bool[0x110000];
        try
        {
            foreach (var document in documents)
                using (document)
                    Collect(document, seen);
        }
        catch (Exception exception) when (InputFile.IsUnreadable(exception))
        {
            throw new UserException($"the text cannot be read: {InputFile.ReasonOf(exception)}", inner: exception);
        }
        var characters = new List<Rune?>();
        for (var c = 0; c < seen.Length; c++)
            if (seen[c]) characters.Add(new Rune(c));
        if (characters.Count == 0) throw new UserException("a character vocabulary needs a text with at least one character");
        foreach (var name in names)
            if (name.EnumerateRunes().Count() == 1 && seen[name.EnumerateRunes().First().Value])
                throw new UserException($"special token '{name}' is also a character of the text");
        var special = names.Select((name, i) => (name, id: characters.Count + i)).ToDictionary(token => token.name, token => token.id);
        characters.AddRange(names.Select(_ => (Rune?)null));
        return new(characters, special);
    }

    static void Collect(Stream document, bool[] seen)
    {
        var buffer = new byte[1 << 16];
        int kept = 0, read;
        long offset = 0;
        do
        {
            read = document.ReadAtLeast(buffer.AsSpan(kept), buffer.Length - kept, throwOnEndOfStream: false);
            var text = buffer.AsSpan(0, kept + read);
            while (text.Length > 0)
            {
                var status = Rune.DecodeFromUtf8(text, out var character, out var length);
                // A character may continue in the next block, if there is one.
                if (status == OperationStatus.NeedMoreData && read > 0) break;
                if (status != OperationStatus.Done) throw NotUtf8($" at byte {offset}");
                seen[character.Value] = true;
                text = text[length..];
                offset += length;
            }
            text.CopyTo(buffer);
            kept = text.Length;
        }
        while (read > 0);
    }

    static UserException NotUtf8(string at = "", int? line = null) => new([new Problem($"the text is not UTF-8{at}, and a character vocabulary cannot encode bytes", Line: line,
        Hint: "choose a tokenizer of kind bytes or bpe, or repair the text")]);

    /// <inheritdoc/>
    public override int VocabularySize => bytesOfId.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => special;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        for (var at = 0; at < utf8.Length;)
        {
            if (utf8[at] < 128)
            {
                var id = idOfAscii[utf8[at]];
                ids.Add(id >= 0 ? id : throw Unknown(new Rune(utf8[at]), LineOf(utf8, at)));
                at++;
                continue;
            }
            if (Rune.DecodeFromUtf8(utf8[at..], out var character, out var length) != OperationStatus.Done) throw NotUtf8(line: LineOf(utf8, at));
            ids.Add(idOfCharacter.TryGetValue(character.Value, out var found) ? found : throw Unknown(character, LineOf(utf8, at)));
            at += length;
        }
    }

    // The line of the text, from 1.
    static int LineOf(ReadOnlySpan<byte> text, int at) => text[..at].Count((byte)'\n') + 1;

    static UserException Unknown(Rune character, int line) => new([new Problem(
        Rune.IsControl(character) ? $"character U+{character.Value:X4} is not in the vocabulary" : $"character '{character}' (U+{character.Value:X4}) is not in the vocabulary", Line: line,
        Hint: "a character vocabulary has only the characters of its training text and no unknown token: leave the character out, or train with a tokenizer of kind bytes or bpe, which encode any text")]);

    internal override int LastCut(ReadOnlySpan<byte> text)
    {
        // After the last character that is certain to be whole.
        var at = text.Length - 1;
        while (at > 0 && text.Length - at < 4 && (text[at] & 0xC0) == 0x80) at--;
        return Math.Max(at, 0);
    }

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> BytesOf(int id) => (uint)id < (uint)bytesOfId.Length ? bytesOfId[id] : throw NotAnId(id);

    /// <inheritdoc/>
    public override void Save(Stream target) => HuggingFaceWriter.WriteCharacters(bytesOfId, special, target);
}

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
