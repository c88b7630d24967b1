using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Writes the <c>tokenizer.json</c> of Hugging Face's tokenizers library, version 1.0.</summary>
/// <remarks>Special tokens stand in the vocabulary too, as in GPT-2's own file: so their ids hold even where numbers are left out before them.</remarks>
static class HuggingFaceWriter
{
    internal static void Write(BpeDefinition definition, Stream target) => Create(target, json =>
    {
        WriteAddedTokens(json, definition.Special, definition.AlwaysMatched);
        json.WriteNull("normalizer");
        WritePreTokenizer(json, definition.Pattern);
        json.WritePropertyName("post_processor");
        if (definition.PostProcessor is { } processor) json.WriteRawValue(processor);
        else WriteByteLevel(json, useRegex: true);
        json.WritePropertyName("decoder");
        WriteByteLevel(json, useRegex: true);

        var names = new string[definition.Tokens.Length];
        var added = definition.AlwaysMatched.ToDictionary(token => token.Value, token => token.Key);
        for (var id = 0; id < names.Length; id++)
            names[id] = added.TryGetValue(id, out var name) ? name : definition.Tokens[id] is { } bytes ? ByteAlphabet.ToText(bytes) : "";
        WriteModel(json, names, definition.Special, definition.Merges, definition.WholePiecesFirst);
    });

    /// <summary>A vocabulary of characters: a BPE without merges over unsplit text.</summary>
    internal static void WriteCharacters(byte[][] characters, IReadOnlyDictionary<string, int> special, Stream target) => Create(target, json =>
    {
        WriteAddedTokens(json, special, new Dictionary<string, int>());
        json.WriteNull("normalizer");
        json.WriteNull("pre_tokenizer");
        json.WriteNull("post_processor");
        // Without a decoder the library would put spaces between the tokens.
        json.WriteStartObject("decoder");
        json.WriteString("type", "Fuse");
        json.WriteEndObject();
        WriteModel(json, [.. characters.Select(Encoding.UTF8.GetString)], special, [], wholePiecesFirst: false);
    });

    /// <summary>Writes the document's frame around its parts.</summary>
    internal static void Create(Stream target, Action<Utf8JsonWriter> write)
    {
        using (var json = new Utf8JsonWriter(target, new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteNull("truncation");
            json.WriteNull("padding");
            write(json);
            json.WriteEndObject();
        }
        target.WriteByte((byte)'\n');
    }

    internal static void WriteAddedTokens(Utf8JsonWriter json, IReadOnlyDictionary<string, int> special, IReadOnlyDictionary<string, int> always)
    {
        json.WriteStartArray("added_tokens");
        var all = special.Select(token => (token.Key, token.Value, true)).Concat(always.Select(token => (token.Key, token.Value, false)));
        foreach (var (name, id, isSpecial) in all.OrderBy(token => token.Value))
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", name);
            json.WriteBoolean("single_word", false);
            json.WriteBoolean("lstrip", false);
            json.WriteBoolean("rstrip", false);
            json.WriteBoolean("normalized", false);
            json.WriteBoolean("special", isSpecial);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static void WritePreTokenizer(Utf8JsonWriter json, SplitPattern pattern)
    {
        json.WritePropertyName("pre_tokenizer");
        if (pattern is SplitPattern.Gpt2 or SplitPattern.None)
        {
            WriteByteLevel(json, useRegex: pattern == SplitPattern.Gpt2);
            return;
        }
        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", SplitPatterns.RegexOf(pattern));
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        WriteByteLevel(json, useRegex: false);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteByteLevel(Utf8JsonWriter json, bool useRegex)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", useRegex);
        json.WriteEndObject();
    }

    static void WriteModel(Utf8JsonWriter json, string[] names, IReadOnlyDictionary<string, int> special, IReadOnlyList<Merge> merges, bool wholePiecesFirst)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", wholePiecesFirst);
        json.WriteStartObject("vocab");
        var specialNames = special.ToDictionary(token => token.Value, token => token.Key);
        for (var id = 0; id < names.Length; id++)
        {
            var name = specialNames.GetValueOrDefault(id, names[id]);
            if (name.Length > 0) json.WriteNumber(name, id);
        }
        json.WriteEndObject();
        json.WriteStartArray("merges");
        // The alphabet has no space, so the older form, which every version reads, is unambiguous.
        foreach (var (left, right, _) in merges) json.WriteStringValue($"{names[left]} {names[right]}");
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
