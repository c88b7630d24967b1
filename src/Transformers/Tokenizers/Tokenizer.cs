using System.Text;

namespace Transformers.Tokenizers;

/// <summary>Turns text into token ids and back. Method names follow Microsoft.ML.Tokenizers.</summary>
/// <remarks>Implementations are immutable and safe to use from several threads.</remarks>
public abstract class Tokenizer
{
    /// <summary>The special token that ends a document unless another is asked for.</summary>
    public const string DefaultEndOfText = "<|endoftext|>";

    static readonly string[] EndOfTextNames = [DefaultEndOfText, "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[EOS]"];
    static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Number of ids; every id is at least 0 and below this.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Special tokens by their text, with their ids.</summary>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The token that ends a document or a sentence, or null where the vocabulary has none.</summary>
    public virtual int? EndOfTextId
    {
        get
        {
            foreach (var name in EndOfTextNames)
                if (SpecialTokens.TryGetValue(name, out var id)) return id;
            return null;
        }
    }

    /// <summary>The ids of a text. Text that looks like a special token is ordinary text.</summary>
    /// <exception cref="UserException">The text holds a lone surrogate, or something that the vocabulary cannot express.</exception>
    public virtual IReadOnlyList<int> EncodeToIds(string text)
    {
        var ids = new List<int>();
        EncodeToIds(Utf8(text), ids);
        return ids;
    }

    /// <summary>The ids of a text in which the named special tokens are recognised, the longest where several begin at one place.</summary>
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
        var utf8 = Utf8(text);
        new TextMatcher(allowed).Split(utf8, utf8.Length, ids, (part, end, found) => EncodeUntil(part, end, found));
        return ids;
    }

    /// <summary>Appends the ids of UTF-8 text to a list; the path that large corpora take. Malformed bytes are kept as they are where the vocabulary has bytes.</summary>
    /// <exception cref="UserException">The text holds something that the vocabulary cannot express.</exception>
    public abstract void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids);

    /// <summary>The number of tokens of a text.</summary>
    public virtual int CountTokens(string text) => EncodeToIds(text).Count;

    /// <summary>The text of ids without special tokens; bytes that are not well-formed UTF-8 become U+FFFD.</summary>
    /// <exception cref="UserException">An id is not of the vocabulary.</exception>
    public virtual string Decode(IEnumerable<int> ids) => Decode(ids, withSpecialTokens: false);

    /// <summary>The text of ids, special tokens included or left out; bytes that are not well-formed UTF-8 become U+FFFD.</summary>
    /// <exception cref="UserException">An id is not of the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids, bool withSpecialTokens) => Encoding.UTF8.GetString(DecodeToBytes(ids, withSpecialTokens));

    /// <summary>The exact bytes of ids, special tokens included or left out.</summary>
    /// <exception cref="UserException">An id is not of the vocabulary.</exception>
    public byte[] DecodeToBytes(IEnumerable<int> ids, bool withSpecialTokens = false)
    {
        using var bytes = new MemoryStream();
        foreach (var id in ids) bytes.Write(withSpecialTokens ? BytesOfAny(id).Span : BytesOf(id).Span);
        return bytes.ToArray();
    }

    /// <summary>A decoder that is given ids one after the other and never gives out half a character.</summary>
    public StreamingDecoder CreateDecoder(bool withSpecialTokens = false) => new(this, withSpecialTokens);

    /// <summary>An encoder that is given a text in parts and gives the ids of the whole.</summary>
    public StreamingEncoder CreateEncoder() => new(this);

    /// <summary>The bytes of one token; empty for a special token and for an id that no token has.</summary>
    /// <exception cref="UserException">The id is not of the vocabulary.</exception>
    public abstract ReadOnlyMemory<byte> BytesOf(int id);

    /// <summary>Writes the tokenizer as a Hugging Face <c>tokenizer.json</c>.</summary>
    public abstract void Save(string path);

    /// <summary>A hash of everything that decides ids, as lower-case hexadecimal SHA-256; shards and checkpoints record it.</summary>
    public abstract string Hash { get; }

    /// <summary>The bytes of a token, those of a special token's text among them.</summary>
    internal ReadOnlyMemory<byte> BytesOfAny(int id)
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

    /// <summary>The error for an id outside the vocabulary.</summary>
    private protected UserException NotAnId(int id) => new($"token id {id} is not in the vocabulary: ids run from 0 to {VocabularySize - 1}");

    /// <summary>UTF-16 as UTF-8.</summary>
    /// <exception cref="UserException">The text holds a lone surrogate.</exception>
    static byte[] Utf8(string text)
    {
        try
        {
            return StrictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException exception)
        {
            throw new UserException($"the text is not well-formed: a lone surrogate U+{(int)exception.CharUnknown:X4} at index {exception.Index}", inner: exception);
        }
    }
}
