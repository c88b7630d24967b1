namespace Transformers.Tokenizers;

/// <summary>Turns text into token ids and back. Method names follow Microsoft.ML.Tokenizers.</summary>
/// <remarks>Implementations are immutable and safe to use from several threads.</remarks>
public abstract class Tokenizer
{
    /// <summary>Number of ids; every id is at least 0 and below this.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Special tokens by their text, with their ids.</summary>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The token that ends a document or a sentence, or null where the vocabulary has none.</summary>
    public abstract int? EndOfTextId { get; }

    /// <summary>The ids of a text. Text that looks like a special token is ordinary text.</summary>
    /// <exception cref="UserException">The text holds something that the vocabulary cannot express.</exception>
    public abstract IReadOnlyList<int> EncodeToIds(string text);

    /// <summary>Appends the ids of UTF-8 text to a list; the path that large corpora take.</summary>
    public abstract void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids);

    /// <summary>The number of tokens of a text.</summary>
    public virtual int CountTokens(string text) => EncodeToIds(text).Count;

    /// <summary>The text of ids; bytes that are not well-formed UTF-8 become U+FFFD.</summary>
    public abstract string Decode(IEnumerable<int> ids);

    /// <summary>The bytes of one token; empty for a special token.</summary>
    public abstract ReadOnlyMemory<byte> BytesOf(int id);

    /// <summary>Writes the tokenizer as a Hugging Face <c>tokenizer.json</c>.</summary>
    public abstract void Save(string path);

    /// <summary>A hash of everything that decides ids, as lower-case hexadecimal SHA-256; shards and checkpoints record it.</summary>
    public abstract string Hash { get; }
}
