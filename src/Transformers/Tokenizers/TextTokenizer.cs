using System.Buffers;

namespace Transformers.Tokenizers;

/// <summary>Turns text into token ids and back, and is a tokenizer of Microsoft.ML.Tokenizers for programs that use that library.</summary>
/// <remarks>
/// Implementations are immutable and safe to use from several threads. Text that looks like a special token is ordinary text.
/// A text with a lone surrogate, or with something that the vocabulary cannot express, is a <see cref="UserException"/>.
/// </remarks>
public abstract partial class TextTokenizer : Microsoft.ML.Tokenizers.Tokenizer
{
    /// <summary>The special token that ends a document by default.</summary>
    public const string DefaultEndOfText = "<|endoftext|>";

    static readonly string[] EndOfTextNames = [DefaultEndOfText, "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[EOS]"];

    /// <summary>The number of ids; every id is at least 0 and below this.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Special tokens by their text, with their ids.</summary>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The token that ends a document or a sentence, or null if the vocabulary has none.</summary>
    public virtual int? EndOfTextId
    {
        get
        {
            foreach (var name in EndOfTextNames)
                if (SpecialTokens.TryGetValue(name, out var id)) return id;
            return null;
        }
    }

    /// <summary>The ids of a text in which the named special tokens are recognised, the longest if several begin at the same position.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="allowedSpecial">Texts of special tokens; each must be one of <see cref="SpecialTokens"/>.</param>
    /// <exception cref="UserException">A name is not a special token's, or the text cannot be expressed.</exception>
    public IReadOnlyList<int> EncodeToIds(string text, IEnumerable<string> allowedSpecial)
    {
        var allowed = new Dictionary<string, int>();
        foreach (var name in allowedSpecial)
            allowed[name] = SpecialTokens.TryGetValue(name, out var id) ? id
                : throw new UserException($"special token '{name}' is not in the vocabulary", hint: $"it has: {string.Join(' ', SpecialTokens.Keys)}");
        var ids = new List<int>();
        EncodeAllowing(Utf8(text), allowed, ids);
        return ids;
    }

    /// <summary>Appends the ids of a text in which the given special tokens are recognised.</summary>
    private protected virtual void EncodeAllowing(byte[] utf8, Dictionary<string, int> allowed, List<int> ids) =>
        new TextMatcher(allowed).Split(utf8, utf8.Length, ids, (part, end, found) => EncodeUntil(part, end, found));

    /// <summary>The special tokens that the tokenizer's file puts before and after a text, as <c>tokenizer encode</c> does; models put their own.</summary>
    public virtual (IReadOnlyList<int> Before, IReadOnlyList<int> After) Frame => ([], []);

    /// <summary>Appends the ids of UTF-8 text to a list; used for large corpora. Malformed bytes are kept if the vocabulary has bytes.</summary>
    /// <exception cref="UserException">The text contains something that the vocabulary cannot express.</exception>
    public abstract void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids);

    /// <summary>The text of ids without special tokens; bytes that are not well-formed UTF-8 become U+FFFD.</summary>
    /// <exception cref="UserException">An id is not in the vocabulary.</exception>
    public sealed override string Decode(IEnumerable<int> ids) => Decode(ids, withSpecialTokens: false);

    /// <summary>The text of ids, special tokens included or left out; bytes that are not well-formed UTF-8 become U+FFFD.</summary>
    /// <exception cref="UserException">An id is not in the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids, bool withSpecialTokens) => Encoding.UTF8.GetString(DecodeToBytes(ids, withSpecialTokens));

    /// <summary>The exact bytes of ids, special tokens included or left out.</summary>
    /// <exception cref="UserException">An id is not in the vocabulary.</exception>
    public byte[] DecodeToBytes(IEnumerable<int> ids, bool withSpecialTokens = false)
    {
        using var bytes = new MemoryStream();
        Decode(ids, bytes, withSpecialTokens);
        return bytes.ToArray();
    }

    /// <summary>Writes the exact bytes of ids, special tokens included or left out.</summary>
    /// <exception cref="UserException">An id is not in the vocabulary.</exception>
    public void Decode(IEnumerable<int> ids, Stream target, bool withSpecialTokens = false)
    {
        var first = true;
        foreach (var id in ids) target.Write(BytesInText(id, withSpecialTokens, ref first));
    }

    /// <summary>The text of one token as it is within a text, with the space in front of a word if the token includes it; for special tokens their names.</summary>
    /// <exception cref="UserException">The id is not in the vocabulary.</exception>
    public string TextOf(int id) => Encoding.UTF8.GetString(BytesOfAny(id).Span);

    /// <summary>A decoder that receives ids one at a time and never returns half a character.</summary>
    public StreamingDecoder CreateDecoder(bool withSpecialTokens = false) => new(this, withSpecialTokens);

    /// <summary>An encoder that receives a text in parts and returns the ids of the whole.</summary>
    public StreamingEncoder CreateEncoder() => new(this);

    /// <summary>The bytes of one token; empty for a special token and for an id that no token has.</summary>
    /// <exception cref="UserException">The id is not in the vocabulary.</exception>
    public abstract ReadOnlyMemory<byte> BytesOf(int id);

    /// <summary>Writes the tokenizer's file; a folder that has it under <see cref="FileName"/> can be loaded.</summary>
    /// <param name="target">Where the file's bytes go.</param>
    public abstract void Save(Stream target);

    /// <summary>Writes the tokenizer's file completely or not at all.</summary>
    /// <param name="path">The file; its folder is created if it does not exist.</param>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public void Save(string path) => DurableFile.WriteAsked(path, ToBytes());

    /// <summary>The content of the tokenizer's file.</summary>
    public byte[] ToBytes()
    {
        using var bytes = new MemoryStream();
        Save(bytes);
        return bytes.ToArray();
    }

    /// <summary>The name that the tokenizer's file has in a run: <c>tokenizer.json</c> except for formats of other projects.</summary>
    public virtual string FileName => "tokenizer.json";

    /// <summary>A hash of everything that decides ids, as lower-case hexadecimal SHA-256; shards and checkpoints record it.</summary>
    public abstract string Hash { get; }

    /// <summary>Whether tokens include the space in front of their word, so that a text's first token has one that the text does not have.</summary>
    internal virtual bool StartsWithSpace => false;

    /// <summary>Whether a text never begins with a space, so that a token of only a space is left out there.</summary>
    internal virtual bool DropsLeadingSpaces => false;

    /// <summary>The bytes that a token adds to a text.</summary>
    /// <param name="id">The token.</param>
    /// <param name="withSpecialTokens">Whether special tokens are written.</param>
    /// <param name="first">Whether no token has written anything yet.</param>
    internal ReadOnlySpan<byte> BytesInText(int id, bool withSpecialTokens, ref bool first)
    {
        var bytes = (withSpecialTokens ? BytesOfAny(id) : BytesOf(id)).Span;
        if (!first || bytes.IsEmpty) return bytes;
        if (StartsWithSpace && bytes[0] == (byte)' ') bytes = bytes[1..];
        first = bytes.IsEmpty && DropsLeadingSpaces;
        return bytes;
    }

    /// <summary>The bytes of a token, including special tokens.</summary>
    ReadOnlyMemory<byte> BytesOfAny(int id)
    {
        var bytes = BytesOf(id);
        if (!bytes.IsEmpty) return bytes;
        foreach (var (name, special) in SpecialTokens)
            if (special == id) return Encoding.UTF8.GetBytes(name);
        return bytes;
    }

    /// <summary>Appends the ids of the part of a text before <paramref name="end"/>, which is a <see cref="LastCut"/> or the text's end.</summary>
    internal virtual void EncodeUntil(ReadOnlySpan<byte> text, int end, List<int> ids) => EncodeToIds(text[..end], ids);

    /// <summary>The last position at which the text can be cut without changing any id, 0 if none is in sight.</summary>
    internal virtual int LastCut(ReadOnlySpan<byte> text) => 0;

    private protected UserException NotAnId(int id) => new($"token id {id} is not in the vocabulary: ids run from 0 to {VocabularySize - 1}");

    private protected static byte[] Utf8(ReadOnlySpan<char> text)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(text)];
        var status = System.Text.Unicode.Utf8.FromUtf16(text, utf8, out var read, out _, replaceInvalidSequences: false);
        return status == OperationStatus.Done ? utf8
            : throw new UserException($"the text is not well-formed: a lone surrogate U+{(int)text[read]:X4} at index {read}");
    }
}

/// <summary>A SHA-256 over values, each with its length, so that different lists of values never give the same bytes.</summary>
readonly struct CanonicalHash
{
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    internal CanonicalHash(string kind) => Add("transformer.tokenizer/1 " + kind);

    internal void Add(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        hash.AppendData(bytes);
    }

    internal void Add(ReadOnlySpan<byte> bytes)
    {
        Add(bytes.Length);
        hash.AppendData(bytes);
    }

    internal void Add(string text) => Add(Encoding.UTF8.GetBytes(text));

    internal void AddTokens(byte[]?[] tokens)
    {
        Add(tokens.Length);
        foreach (var token in tokens)
            if (token is null) Add(-1);
            else Add(token.AsSpan());
    }

    internal void AddNames(IReadOnlyDictionary<string, int> names)
    {
        Add(names.Count);
        foreach (var (name, id) in names.OrderBy(pair => pair.Value))
        {
            Add(name);
            Add(id);
        }
    }

    internal string Finish() => Convert.ToHexStringLower(hash.GetHashAndReset());
}

/// <summary>Checks lists of special tokens.</summary>
static class SpecialTokenNames
{
    internal static void Check(IReadOnlyList<string> names)
    {
        if (names.Count > TokenizerLimits.SpecialTokens)
            throw new UserException($"the vocabulary asks for {names.Count} special tokens, more than {TokenizerLimits.SpecialTokens}");
        var seen = new HashSet<string>();
        foreach (var name in names)
        {
            if (name.Length is 0 or > TokenizerLimits.SpecialTokenLength)
                throw new UserException($"special token '{name}' must have 1 to {TokenizerLimits.SpecialTokenLength} characters");
            if (!seen.Add(name)) throw new UserException($"special token '{name}' is given twice");
        }
    }
}

/// <summary>Bounds on what files and options may ask for, far above every published tokenizer.</summary>
static class TokenizerLimits
{
    /// <summary>Bytes of a tokenizer file.</summary>
    internal const int FileBytes = 64 << 20;
    /// <summary>Ids of a vocabulary.</summary>
    internal const int Ids = 1 << 20;
    /// <summary>Merges of a vocabulary; several pairs may make the same token.</summary>
    internal const int Merges = 1 << 22;
    /// <summary>Special and added tokens.</summary>
    internal const int SpecialTokens = 1 << 16;
    /// <summary>Characters of a special token.</summary>
    internal const int SpecialTokenLength = 1024;
    /// <summary>Nesting of JSON.</summary>
    internal const int Depth = 64;
    /// <summary>Bytes of the longest piece that training does not cut.</summary>
    internal const int TrainingPiece = 64 * 1024;
}
