using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Reads the <c>tokenizer.json</c> of Hugging Face's tokenizers library: byte-level BPE, and the character vocabularies written here.</summary>
/// <remarks>The ids are those of the library's <c>encode</c> with <c>add_special_tokens=False</c>, except that special tokens in the text are ordinary text here unless allowed.</remarks>
sealed class HuggingFaceReader
{
    readonly TokenizerParts parts;
    readonly List<(string Name, int Id, bool Special)> added = [];
    readonly Dictionary<string, AddedRule> rules = [];
    readonly HuggingFaceModel model;
    readonly HuggingFaceStages stages;
    bool versioned;

    HuggingFaceReader(string file)
    {
        parts = new TokenizerParts(file);
        model = new HuggingFaceModel(parts);
        stages = new HuggingFaceStages(parts);
    }

    internal static TextTokenizer Read(string path, byte[] content)
    {
        if (WordTokenizer.TryRead(path, content) is { } words) return words;
        if (WordPieceFile.TryReadJson(path, content) is { } pieces) return pieces;
        var reader = new HuggingFaceReader(path);
        var json = new BoundedJson(content, path);
        json.ReadDocument(reader.ReadRoot);
        return json.WellFormed(reader.Build);
    }

    void ReadRoot(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw parts.Error("must be a JSON object");
        var seen = new HashSet<string>();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            if (!seen.Add(key)) throw parts.Error("appears twice", key);
            json.Read();
            switch (key)
            {
                case "version":
                    if (json.TokenType != JsonTokenType.String || json.GetString() is not "1.0") throw parts.Error("must be \"1.0\"", key);
                    versioned = true;
                    break;
                case "truncation" or "padding":
                    if (json.TokenType != JsonTokenType.Null) throw parts.Error("is not supported", key, hint: $"set {key} to null in the file");
                    break;
                case "added_tokens": ReadAddedTokens(ref json); break;
                case "model": model.Read(ref json); break;
                case "normalizer" or "pre_tokenizer" or "post_processor" or "decoder": stages.Read(key, ref json); break;
                default: throw parts.Error("is not supported", MessageText.Quote(key));
            }
        }
        if (!versioned) throw parts.Error("is missing, so this is not a tokenizer.json", "version");
        if (!seen.Contains("model")) throw parts.Error("is missing", "model");
    }

    void ReadAddedTokens(ref Utf8JsonReader json)
    {
        if (json.TokenType == JsonTokenType.Null) return;
        if (json.TokenType != JsonTokenType.StartArray) throw parts.Error("must be a list", "added_tokens");
        var names = new HashSet<string>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            var path = $"added_tokens[{added.Count}]";
            if (added.Count == TokenizerLimits.SpecialTokens) throw parts.Error($"has more than {TokenizerLimits.SpecialTokens:N0} tokens", "added_tokens");
            using var document = JsonDocument.ParseValue(ref json);
            var entry = document.RootElement;
            if (entry.ValueKind != JsonValueKind.Object) throw parts.Error("must be an object", path);
            foreach (var flag in (string[])["single_word", "lstrip", "rstrip", "normalized", "special"])
                if (JsonMembers.Member(entry, flag).ValueKind is not (JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.False)) throw parts.Error("must be true or false", $"{path}.{flag}");
            if (!entry.TryGetProperty("content", out var content) || content.ValueKind != JsonValueKind.String || content.GetString() is not { Length: > 0 } name)
                throw parts.Error("must be a non-empty string", $"{path}.content");
            if (name.Length > TokenizerLimits.SpecialTokenLength) throw parts.Error($"has more than {TokenizerLimits.SpecialTokenLength} characters", $"{path}.content");
            if (!entry.TryGetProperty("id", out var number) || number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out var id) || id < 0)
                throw parts.Error("must be a whole number of at least 0", $"{path}.id");
            if (!names.Add(name)) throw parts.Error($"token {MessageText.Quote(name)} appears twice", path);
            added.Add((name, id, JsonMembers.Flag(entry, "special", false)));
            var rule = new AddedRule(JsonMembers.Flag(entry, "single_word", false), JsonMembers.Flag(entry, "lstrip", false), JsonMembers.Flag(entry, "rstrip", false),
                JsonMembers.Flag(entry, "normalized", false));
            if (rule != default) rules.Add(name, rule);
        }
    }

    TextTokenizer Build()
    {
        foreach (var (name, id, _) in added)
        {
            if (!parts.Ids.TryGetValue(name, out var known)) parts.Add(name, id, "added_tokens");
            else if (known != id) throw parts.Error($"token {MessageText.Quote(name)} has id {id} here and {known} in model.vocab", "added_tokens");
        }
        var special = added.Where(token => token.Special).ToDictionary(token => token.Name, token => token.Id);
        var always = added.Where(token => !token.Special).ToDictionary(token => token.Name, token => token.Id);
        if (stages.IsCharacters) return BuildCharacters(special, always);

        var (before, pattern, prefixSpace) = stages.Splits();
        var tokens = parts.ByteTokens(added.Select(token => token.Name).ToHashSet(), "model.vocab");
        foreach (var (name, id) in always) tokens[id] = Encoding.UTF8.GetBytes(name);
        model.CheckUnknown(tokens);
        var merges = model.Merges();
        if (merges.Count == 0 && always.Count == 0 && rules.Count == 0 && stages.PreTokenizer is null && !stages.Composes && stages.PostProcessor is null
            && pattern == SplitPattern.None && IsBytes(tokens, special))
            return new ByteTokenizer([.. special.OrderBy(token => token.Value).Select(token => token.Key)]);
        return new ByteLevelBpeTokenizer(new BpeDefinition
        {
            Tokens = tokens, Merges = merges, Special = special, AlwaysMatched = always, Pattern = pattern,
            WholePiecesFirst = model.IgnoreMerges, PostProcessor = stages.PostProcessor, Rules = rules, CutBefore = before, PrefixSpace = prefixSpace,
            Composes = stages.Composes, PreTokenizer = stages.PreTokenizer,
            Frame = stages.PostProcessor is { } processor ? HuggingFaceStages.FrameOf(processor, parts, tokens.Length) : ([], []),
        });
    }

    static bool IsBytes(byte[]?[] tokens, Dictionary<string, int> special)
    {
        if (tokens.Length != 256 + special.Count) return false;
        for (var b = 0; b < 256; b++)
            if (tokens[b] is not [var only] || only != b) return false;
        return true;
    }

    CharacterTokenizer BuildCharacters(Dictionary<string, int> special, Dictionary<string, int> always)
    {
        if (model.Merges().Count > 0) throw parts.Error("is null, and merges over characters are not supported", "pre_tokenizer", hint: "only byte-level BPE can be read");
        if (always.Count > 0) throw parts.Error("tokens that are not special are not supported with characters", "added_tokens");
        var characters = new Rune?[parts.Size];
        foreach (var (name, id) in parts.Ids)
        {
            if (special.ContainsKey(name)) continue;
            if (Rune.DecodeFromUtf16(name, out var character, out var length) != System.Buffers.OperationStatus.Done || length != name.Length)
                throw parts.Error($"token {MessageText.Quote(name)} is not one character", "model.vocab", hint: "only byte-level BPE and character vocabularies can be read");
            characters[id] = character;
        }
        return new(characters, special);
    }
}

/// <summary>Reads one JSON document token by token, so that memory is bounded by what is kept; every error has its line.</summary>
sealed class BoundedJson(byte[] utf8, string file)
{
    /// <summary>Reads the value at the reader's position.</summary>
    internal delegate void ValueReader(ref Utf8JsonReader json);

    /// <summary>Reads the whole document with an action for its value.</summary>
    internal void ReadDocument(ValueReader read) => WellFormed(() => Read(read));

    /// <summary>Runs code that reads strings of the document, where bytes that are not UTF-8 and lone surrogates are detected.</summary>
    internal T WellFormed<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException exception)
        {
            throw new UserException([new Problem($"contains text that is not well-formed: {JsonStyle.ReasonOf(exception)}", File: file)], exception);
        }
    }

    bool Read(ValueReader read)
    {
        var start = utf8.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        var json = new Utf8JsonReader(utf8.AsSpan(start), new JsonReaderOptions { MaxDepth = TokenizerLimits.Depth });
        try
        {
            json.Read();
            read(ref json);
            return json.Read() ? throw Fault("expected a single JSON value, but more follows it") : true;
        }
        catch (JsonException exception)
        {
            throw new UserException([new Problem($"is not valid JSON: {JsonStyle.ReasonOf(exception)}", File: file,
                Line: (int?)exception.LineNumber + 1, Column: (int?)exception.BytePositionInLine + 1)], exception);
        }
    }

    UserException Fault(string message) => new([new Problem(message, File: file)]);
}

/// <summary>Members of JSON objects that may be missing or of another type.</summary>
static class JsonMembers
{
    /// <summary>Reads a <c>tokenizer.json</c> whose model is of a type, or returns null if it is of another type or not JSON: the general reader reports what is wrong.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="type">The type of model, such as <c>WordLevel</c>.</param>
    /// <param name="read">Reads the document.</param>
    /// <exception cref="UserException">It contains bytes that are not UTF-8, or a lone surrogate; also whatever <paramref name="read"/> throws.</exception>
    internal static T? TryReadModel<T>(string path, byte[] content, string type, Func<JsonElement, T> read) where T : class
    {
        // A file that does not contain the type's name is not parsed twice.
        if (content.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes($"\"{type}\"")) < 0) return null;
        try
        {
            using var document = JsonDocument.Parse(content, new() { MaxDepth = TokenizerLimits.Depth });
            return Text(Member(document.RootElement, "model"), "type") == type ? read(document.RootElement) : null;
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException exception)
        {
            throw new UserException([new Problem($"contains text that is not well-formed: {exception.Message}", path)], exception);
        }
    }

    internal static JsonElement Member(JsonElement element, string key) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(key, out var value) ? value : default;

    internal static string? Text(JsonElement element, string key) => Member(element, key) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    internal static bool Flag(JsonElement element, string key, bool otherwise) =>
        Member(element, key).ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => otherwise };
}
