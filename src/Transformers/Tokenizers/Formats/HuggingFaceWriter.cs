using System.Text;
using System.Text.Json.Nodes;
using Transformers.IO;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Writes the <c>tokenizer.json</c> of Hugging Face's tokenizers library, version 1.0.</summary>
/// <remarks>Special tokens are in the vocabulary too, as in GPT-2's own file, so that their ids are kept even if lower ids are unused.</remarks>
static class HuggingFaceWriter
{
    internal static void Write(BpeDefinition definition, Stream target)
    {
        var names = new string[definition.Tokens.Length];
        var added = definition.AlwaysMatched.ToDictionary(token => token.Value, token => token.Key);
        for (var id = 0; id < names.Length; id++)
            names[id] = added.TryGetValue(id, out var name) ? name : definition.Tokens[id] is { } bytes ? ByteAlphabet.ToText(bytes) : "";
        Write(target, AddedTokens(definition.Special, definition.AlwaysMatched, definition.Rules), definition.Composes ? new JsonObject { ["type"] = "NFC" } : null,
            definition.PreTokenizer is { } preTokenizer ? JsonNode.Parse(preTokenizer) : PreTokenizer(definition.Pattern),
            definition.PostProcessor is { } processor ? JsonNode.Parse(processor) : ByteLevel(useRegex: true), ByteLevel(useRegex: true),
            Model(names, definition.Special, definition.Merges, definition.WholePiecesFirst));
    }

    /// <summary>A vocabulary of characters: a BPE without merges over unsplit text.</summary>
    internal static void WriteCharacters(byte[][] characters, IReadOnlyDictionary<string, int> special, Stream target) =>
        // Without a decoder the library would put spaces between the tokens.
        Write(target, AddedTokens(special), null, null, null, new JsonObject { ["type"] = "Fuse" },
            Model([.. characters.Select(Encoding.UTF8.GetString)], special, [], wholePiecesFirst: false));

    internal static void Write(Stream target, JsonArray addedTokens, JsonNode? normalizer, JsonNode? preTokenizer, JsonNode? postProcessor, JsonNode? decoder, JsonObject model)
    {
        var document = new JsonObject
        {
            ["version"] = "1.0", ["truncation"] = null, ["padding"] = null, ["added_tokens"] = addedTokens, ["normalizer"] = normalizer,
            ["pre_tokenizer"] = preTokenizer, ["post_processor"] = postProcessor, ["decoder"] = decoder, ["model"] = model,
        };
        target.Write(Encoding.UTF8.GetBytes(document.ToJsonString(JsonStyle.Indented) + "\n"));
    }

    internal static JsonArray AddedTokens(IReadOnlyDictionary<string, int> special, IReadOnlyDictionary<string, int>? always = null,
        IReadOnlyDictionary<string, AddedRule>? rules = null)
    {
        var all = special.Select(token => (token.Key, token.Value, IsSpecial: true)).Concat((always ?? new Dictionary<string, int>()).Select(token => (token.Key, token.Value, IsSpecial: false)));
        return new JsonArray([.. all.OrderBy(token => token.Value).Select(token => new JsonObject
        {
            ["id"] = token.Value, ["content"] = token.Key, ["single_word"] = RuleOf(token.Key).SingleWord, ["lstrip"] = RuleOf(token.Key).StripLeft,
            ["rstrip"] = RuleOf(token.Key).StripRight, ["normalized"] = RuleOf(token.Key).Normalized, ["special"] = token.IsSpecial,
        })]);

        AddedRule RuleOf(string name) => rules?.GetValueOrDefault(name) ?? default;
    }

    static JsonObject PreTokenizer(SplitPattern pattern) => pattern is SplitPattern.Gpt2 or SplitPattern.None ? ByteLevel(useRegex: pattern == SplitPattern.Gpt2) : new()
    {
        ["type"] = "Sequence",
        ["pretokenizers"] = new JsonArray(
            new JsonObject
            {
                ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = SplitPatterns.RegexOf(pattern) }, ["behavior"] = "Isolated", ["invert"] = false,
            },
            ByteLevel(useRegex: false)),
    };

    static JsonObject ByteLevel(bool useRegex) =>
        new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = useRegex };

    static JsonObject Model(string[] names, IReadOnlyDictionary<string, int> special, IReadOnlyList<Merge> merges, bool wholePiecesFirst)
    {
        var vocabulary = new JsonObject();
        var specialNames = special.ToDictionary(token => token.Value, token => token.Key);
        for (var id = 0; id < names.Length; id++)
            if (specialNames.GetValueOrDefault(id, names[id]) is { Length: > 0 } name) vocabulary[name] = id;
        return new()
        {
            ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = null, ["continuing_subword_prefix"] = null, ["end_of_word_suffix"] = null,
            ["fuse_unk"] = false, ["byte_fallback"] = false, ["ignore_merges"] = wholePiecesFirst, ["vocab"] = vocabulary,
            // The alphabet has no space, so the older form, which every version reads, is unambiguous.
            ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)$"{names[merge.Left]} {names[merge.Right]}")]),
        };
    }
}
