namespace Transformers.Tokenizers.Formats;

/// <summary>Reads vocabularies of WordPiece: BERT's <c>vocab.txt</c>, one token per line, and the <c>tokenizer.json</c> of such a model.</summary>
static class WordPieceFile
{
    const string Unknown = "[UNK]";
    static readonly string[] SpecialNames = ["[PAD]", Unknown, "[CLS]", "[SEP]", "[MASK]"];

    /// <summary>Whether a text has the line that every such vocabulary needs.</summary>
    internal static bool Looks(ReadOnlySpan<byte> content) =>
        content.StartsWith("[UNK]\n"u8) || content.IndexOf("\n[UNK]\n"u8) >= 0 || content.IndexOf("\n[UNK]\r\n"u8) >= 0;

    internal static WordPieceVocabulary ReadLines(string path, byte[] content)
    {
        var parts = new TokenizerParts(path);
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content.AsSpan().StartsWith("\uFEFF"u8) ? content.AsSpan(3) : content);
        }
        catch (DecoderFallbackException exception)
        {
            throw parts.Error($"is not UTF-8 (byte {exception.Index})");
        }
        var lines = text.Split('\n').Select(line => line.TrimEnd('\r')).ToList();
        if (lines[^1].Length == 0) lines.RemoveAt(lines.Count - 1);
        for (var id = 0; id < lines.Count; id++) parts.Add(lines[id], id, "", line: id + 1);
        var special = SpecialNames.Where(parts.Ids.ContainsKey).ToDictionary(name => name, name => parts.Ids[name]);
        var lower = LowerCaseOf(path) ?? !lines.Exists(token => !special.ContainsKey(token) && token[0] != '[' && token.Any(char.IsUpper));
        return Create(parts, special, Unknown, new BertNormalizer(lower, stripAccents: lower, spaceChinese: true), null);
    }

    /// <summary>Reads a <c>tokenizer.json</c>, or returns null if its model is of another type.</summary>
    internal static WordPieceVocabulary? TryReadJson(string path, byte[] content) => JsonMembers.TryReadModel(path, content, "WordPiece", root => ReadJson(path, root));

    static WordPieceVocabulary ReadJson(string path, JsonElement root)
    {
        var parts = new TokenizerParts(path);
        if (JsonMembers.Text(root, "version") != "1.0") throw parts.Error("must be \"1.0\"", "version");
        foreach (var key in (string[])["truncation", "padding"])
            if (JsonMembers.Member(root, key).ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined)) throw parts.Error("is not supported", key, hint: $"set {key} to null in the file");
        var model = JsonMembers.Member(root, "model");
        if (JsonMembers.Member(model, "vocab") is not { ValueKind: JsonValueKind.Object } vocabulary) throw parts.Error("must be an object of tokens and ids", "model.vocab");
        foreach (var token in vocabulary.EnumerateObject())
            parts.Add(token.Name, token.Value.ValueKind == JsonValueKind.Number && token.Value.TryGetInt64(out var id) ? id
                : throw parts.Error($"the id of token {MessageText.Quote(token.Name)} must be a whole number", "model.vocab"), "model.vocab");
        if (JsonMembers.Text(model, "continuing_subword_prefix") is { } prefix and not WordPieceVocabulary.Continuation)
            throw parts.Error($"{MessageText.Quote(prefix)} is not supported: it must be ##", "model.continuing_subword_prefix");
        if (JsonMembers.Member(model, "max_input_chars_per_word") is { ValueKind: JsonValueKind.Number } longest && !(longest.TryGetInt32(out var length) && length == WordPieceVocabulary.LongestWord))
            throw parts.Error($"is not supported unless {WordPieceVocabulary.LongestWord}", "model.max_input_chars_per_word");
        Require(parts, root, "pre_tokenizer", "BertPreTokenizer");
        var special = ReadSpecial(parts, JsonMembers.Member(root, "added_tokens"));
        var processor = JsonMembers.Member(root, "post_processor");
        var text = processor.ValueKind == JsonValueKind.Object ? processor.GetRawText() : null;
        return Create(parts, special, JsonMembers.Text(model, "unk_token") ?? Unknown, ReadNormalizer(parts, root), text,
            text is null ? ([], []) : HuggingFaceStages.FrameOf(text, parts, parts.Size));
    }

    static BertNormalizer ReadNormalizer(TokenizerParts parts, JsonElement root)
    {
        var normalizer = Require(parts, root, "normalizer", "BertNormalizer");
        if (!JsonMembers.Flag(normalizer, "clean_text", true)) throw parts.Error("is not supported unless true", "normalizer.clean_text");
        var lower = JsonMembers.Flag(normalizer, "lowercase", true);
        return new BertNormalizer(lower, JsonMembers.Flag(normalizer, "strip_accents", lower), JsonMembers.Flag(normalizer, "handle_chinese_chars", true));
    }

    static Dictionary<string, int> ReadSpecial(TokenizerParts parts, JsonElement added)
    {
        var special = new Dictionary<string, int>();
        if (added.ValueKind != JsonValueKind.Array) return special;
        foreach (var token in added.EnumerateArray())
        {
            var path = $"added_tokens[{special.Count}]";
            if (special.Count == TokenizerLimits.SpecialTokens) throw parts.Error($"has more than {TokenizerLimits.SpecialTokens:N0} tokens", "added_tokens");
            if (JsonMembers.Text(token, "content") is not { } name || !parts.Ids.TryGetValue(name, out var id)) throw parts.Error("must be a token of model.vocab", $"{path}.content");
            if (!JsonMembers.Flag(token, "special", false)) throw parts.Error("tokens that are not special are not supported with WordPiece", path);
            if (!special.TryAdd(name, id)) throw parts.Error($"token {MessageText.Quote(name)} appears twice", path);
        }
        return special;
    }

    static WordPieceVocabulary Create(TokenizerParts parts, Dictionary<string, int> special, string unknown, BertNormalizer normalizer, string? postProcessor,
        (int[] Before, int[] After)? frame = null)
    {
        var tokens = Enumerable.Range(0, parts.Size).Select(id => parts.NameOf(id) ?? throw parts.Error($"no token has id {id}")).ToArray();
        if (tokens.FirstOrDefault(token => token.AsSpan().ContainsAny('\r', '\n')) is { } broken) throw parts.Error($"token {MessageText.Quote(broken)} contains a line end");
        if (!parts.Ids.TryGetValue(unknown, out var id)) throw parts.Error($"has no token {MessageText.Quote(unknown)} for words that have no pieces");
        special.TryAdd(unknown, id);
        return new WordPieceVocabulary(tokens, special, unknown, normalizer, postProcessor) { Framing = frame ?? ([], []) };
    }

    // What the folder's tokenizer_config.json says, if there is one.
    static bool? LowerCaseOf(string path)
    {
        var description = Path.Combine(Path.GetDirectoryName(path) ?? "", "tokenizer_config.json");
        if (!File.Exists(description)) return null;
        try
        {
            using var document = JsonDocument.Parse(TokenizerFile.ReadBytes(description), new() { MaxDepth = TokenizerLimits.Depth });
            return JsonMembers.Member(document.RootElement, "do_lower_case").ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null };
        }
        catch (JsonException exception)
        {
            throw new UserException([new Problem($"is not valid JSON: {JsonStyle.ReasonOf(exception)}", File: description)], exception);
        }
    }

    static JsonElement Require(TokenizerParts parts, JsonElement root, string key, string type)
    {
        var stage = JsonMembers.Member(root, key);
        return JsonMembers.Text(stage, "type") == type ? stage
            : throw parts.Error($"{MessageText.Quote(JsonMembers.Text(stage, "type") ?? "null")} is not supported", key, hint: $"WordPiece needs a {type}");
    }
}
