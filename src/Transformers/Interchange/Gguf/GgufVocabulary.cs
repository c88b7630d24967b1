using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Interchange.Gguf;

/// <summary>A tokenizer in llama.cpp's terms: byte-level BPE, with its split pattern given by name.</summary>
sealed class GgufVocabulary
{
    // Kinds of tokens, by the format's numbers.
    const int Normal = 1, Control = 3, UserDefined = 4, Unused = 5;

    readonly string[] tokens;
    readonly int[] types;
    readonly List<string> merges = [];
    readonly string pattern;
    readonly int end;

    /// <summary>The vocabulary of a model.</summary>
    /// <param name="tokenizer">The run's tokenizer.</param>
    /// <param name="size">The number of tokens V of the model; those beyond the tokenizer's are unused.</param>
    /// <exception cref="UserException">llama.cpp has no such tokenizer.</exception>
    public GgufVocabulary(TextTokenizer tokenizer, int size)
    {
        end = tokenizer.EndOfTextId ?? throw new UserException("the run's tokenizer has no end-of-text token, so llama.cpp would end every text at token 11",
            "train with data.document_start: true, or with a tokenizer of kind bpe, which has one");
        tokens = new string[size];
        types = new int[size];
        Array.Fill(types, Unused);
        pattern = tokenizer switch
        {
            ByteLevelBpeTokenizer bpe => Read(bpe),
            // Neither has merges across pieces, so it does not matter how a text is split.
            CharacterTokenizer or ByteTokenizer => ReadUnmerged(tokenizer),
            _ => throw Refused("of a kind other than byte-level BPE, characters and bytes"),
        };
        foreach (var (name, id) in tokenizer.SpecialTokens) (tokens[id], types[id]) = (name, Control);
        for (var id = 0; id < size; id++) tokens[id] ??= $"[UNUSED{id}]";
    }

    string Read(ByteLevelBpeTokenizer tokenizer)
    {
        var definition = tokenizer.Definition;
        var unusual = definition.Composes ? "composes its text (NFC)" : definition.PrefixSpace ? "puts a space before a text" : definition.CutBefore.Count > 0 ? "splits a text twice"
            : definition.Rules.Values.Any(rule => rule.SingleWord || rule.StripLeft || rule.StripRight) ? "matches added tokens by rules" : null;
        if (unusual is not null) throw Refused($"which {unusual}");
        var added = definition.AlwaysMatched.ToDictionary(token => token.Value, token => token.Key);
        for (var id = 0; id < definition.Tokens.Length; id++)
            if (added.TryGetValue(id, out var name)) (tokens[id], types[id]) = (name, UserDefined);
            else if (definition.Tokens[id] is { } bytes) (tokens[id], types[id]) = (ByteAlphabet.ToText(bytes), Normal);
        foreach (var (left, right, _) in definition.Merges) merges.Add($"{tokens[left]} {tokens[right]}");
        return (definition.Pattern, definition.WholePiecesFirst) switch
        {
            (SplitPattern.Gpt2, false) => "gpt-2",
            (SplitPattern.Cl100k, false) => "dbrx",
            (SplitPattern.Cl100k, true) => "llama-bpe",
            (SplitPattern.Qwen2, false) => "qwen2",
            (SplitPattern.O200k, false) => "gpt-4o",
            var (pattern, whole) => throw Refused($"with the pattern {SplitPatterns.NameOf(pattern)}{(whole ? " that takes whole pieces first" : "")}, which llama.cpp does not have"),
        };
    }

    string ReadUnmerged(TextTokenizer tokenizer)
    {
        var joined = new HashSet<string>(StringComparer.Ordinal);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            if (tokenizer.BytesOf(id) is not { Length: > 0 } bytes) continue;
            (tokens[id], types[id]) = (ByteAlphabet.ToText(bytes.Span), Normal);
            // The bytes of a character are merged one after the other.
            for (var length = 1; length < bytes.Length; length++)
                if ($"{tokens[id][..length]} {tokens[id][length]}" is var merge && joined.Add(merge)) merges.Add(merge);
        }
        return "gpt-2";
    }

    static UserException Refused(string what) => new($"the run cannot be exported to gguf: it has a tokenizer {what}", "--to huggingface or --to onnx may support it");

    /// <summary>Adds the settings of the tokenizer.</summary>
    /// <param name="file">The file.</param>
    /// <param name="starts">Whether the end-of-text token precedes each text.</param>
    public void AddTo(GgufWriter file, bool starts)
    {
        file.Add("tokenizer.ggml.model", "gpt2");
        file.Add("tokenizer.ggml.pre", pattern);
        file.Add("tokenizer.ggml.tokens", tokens);
        file.Add("tokenizer.ggml.token_type", types);
        file.Add("tokenizer.ggml.merges", merges);
        file.Add("tokenizer.ggml.bos_token_id", end);
        file.Add("tokenizer.ggml.eos_token_id", end);
        file.Add("tokenizer.ggml.add_bos_token", starts);
        file.Add("tokenizer.ggml.add_eos_token", false);
    }
}
