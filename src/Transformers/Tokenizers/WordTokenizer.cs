using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers;

/// <summary>One token for each word, split at white space; for tasks with few words, such as copying numbers.</summary>
/// <remarks>Special tokens come first, then the words in ordinal order. Runs of white space are not kept: decoded text has single spaces.</remarks>
public sealed class WordTokenizer : TextTokenizer
{
    /// <summary>The special token for words that are not in the vocabulary, if it is among the special tokens.</summary>
    public const string Unknown = "<unk>";

    /// <summary>The special token that ends a text, if it is among the special tokens.</summary>
    public const string EndOfText = "</s>";

    readonly string[] words;
    readonly Dictionary<string, int> ids;
    readonly Dictionary<string, int> special;

    WordTokenizer(IReadOnlyList<string> specialTokens, IEnumerable<string> ordinary)
    {
        words = [.. specialTokens, .. ordinary];
        special = specialTokens.Select((t, i) => (t, i)).ToDictionary(x => x.t, x => x.i, StringComparer.Ordinal);
        ids = words.Skip(specialTokens.Count).Select((t, i) => (t, i)).ToDictionary(x => x.t, x => x.i + specialTokens.Count, StringComparer.Ordinal);
    }

    /// <summary>Collects the words of texts.</summary>
    /// <param name="specialTokens">Special tokens, whose ids come first; <see cref="Unknown"/> among them lets any word be encoded.</param>
    public static WordTokenizer Train(IEnumerable<string> texts, IReadOnlyList<string> specialTokens)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var text in texts) found.UnionWith(Split(text));
        // WikiText writes <unk> as a word: one entry for it, as in the file.
        found.ExceptWith(specialTokens);
        return new WordTokenizer(specialTokens, found);
    }

    static string[] Split(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <inheritdoc/>
    public override int VocabularySize => words.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => special;

    /// <inheritdoc/>
    public override int? EndOfTextId => special.TryGetValue(EndOfText, out var id) ? id : null;

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        foreach (var word in Split(Encoding.UTF8.GetString(utf8)))
            ids.Add(this.ids.TryGetValue(word, out var id) || special.TryGetValue(Unknown, out id) ? id
                : throw new UserException($"the word {word} is not in the vocabulary of {words.Length} words"));
    }

    /// <summary>A space and the word: each token starts a word. Empty for a special token.</summary>
    public override ReadOnlyMemory<byte> BytesOf(int id) => IsSpecial(id) ? default : Encoding.UTF8.GetBytes(" " + words[id]);

    internal override bool StartsWithSpace => true;

    internal override EncodedToken[] Locate(ReadOnlySpan<char> text, List<int> ids)
    {
        var tokens = new EncodedToken[ids.Count];
        var at = 0;
        for (var i = 0; i < tokens.Length; i++)
        {
            while (char.IsWhiteSpace(text[at])) at++;
            var start = at;
            while (at < text.Length && !char.IsWhiteSpace(text[at])) at++;
            tokens[i] = new(ids[i], text[start..at].ToString(), new Range(start, at));
        }
        return tokens;
    }

    bool IsSpecial(int id) => (uint)id < (uint)words.Length ? id < special.Count : throw NotAnId(id);

    /// <inheritdoc/>
    public override string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"words {special.Count}\n{string.Join('\n', words)}")));

    /// <summary>Writes the vocabulary as a Hugging Face <c>tokenizer.json</c> of model <c>WordLevel</c>, cut at white space.</summary>
    public override void Save(Stream target)
    {
        var vocabulary = new JsonObject();
        for (var id = 0; id < words.Length; id++) vocabulary[words[id]] = id;
        // Every part of the format is named, even if it is null, because the implementation in JavaScript requires that.
        HuggingFaceWriter.Write(target, HuggingFaceWriter.AddedTokens(special), null, new JsonObject { ["type"] = "WhitespaceSplit" }, null, null,
            new JsonObject { ["type"] = "WordLevel", ["vocab"] = vocabulary, ["unk_token"] = Unknown });
    }

    /// <summary>Reads what <see cref="Save(Stream)"/> wrote, or returns null if the file contains a vocabulary of another kind.</summary>
    internal static WordTokenizer? TryRead(string path, byte[] content) => JsonMembers.TryReadModel(path, content, "WordLevel", root => Read(root, path));

    static WordTokenizer Read(JsonElement document, string path)
    {
        UserException Wrong(string what) => new([new Problem(what, path)]);
        var byId = new SortedDictionary<int, string>();
        if (!document.GetProperty("model").TryGetProperty("vocab", out var vocabulary) || vocabulary.ValueKind != JsonValueKind.Object)
            throw Wrong("has no model.vocab");
        foreach (var entry in vocabulary.EnumerateObject())
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id) || !byId.TryAdd(id, entry.Name))
                throw Wrong($"the id of {entry.Name} is not a unique number");
        if (byId.Keys.Where((id, index) => id != index).Any()) throw Wrong($"the ids of {byId.Count} words must be 0 to {byId.Count - 1}");
        var special = new List<string>();
        if (document.TryGetProperty("added_tokens", out var added) && added.ValueKind == JsonValueKind.Array)
            foreach (var token in added.EnumerateArray())
                if (token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String)
                    special.Add(content.GetString()!);
        var ordered = byId.Values.ToList();
        if (special.Count > ordered.Count || !ordered.Take(special.Count).SequenceEqual(special))
            throw Wrong("the special tokens must have the first ids");
        if (ordered.Distinct(StringComparer.Ordinal).Count() < ordered.Count) throw Wrong("a word is in the vocabulary twice");
        return new WordTokenizer(special, ordered.Skip(special.Count));
    }
}
