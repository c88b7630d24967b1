using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Reads tokenizers from the formats in use.</summary>
public static class TokenizerFile
{
    const string LinesFile = "vocab.txt";
    static readonly string[] ModelFiles = [SentencePieceVocabulary.DefaultFileName, "spiece.model"];
    static readonly (string Vocabulary, string Merges)[] Pairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    /// <summary>
    /// Reads a Hugging Face <c>tokenizer.json</c>, a <c>.tiktoken</c> file, one of GPT-2's pair of files (the other is next to it),
    /// a SentencePiece <c>.model</c>, BERT's <c>vocab.txt</c>, or a folder that contains one of these.
    /// </summary>
    /// <param name="path">A file or a folder.</param>
    /// <param name="pattern">One of <see cref="SplitPatterns.Names"/>; needed for a <c>.tiktoken</c> file that is not a published one.</param>
    /// <exception cref="UserException">The file is missing, malformed, hostile, or asks for something that is not supported, which the message names.</exception>
    public static TextTokenizer Load(string path, string? pattern = null) => Load(path, pattern is null ? (SplitPattern?)null : SplitPatterns.Parse(pattern));

    /// <inheritdoc cref="Load(string, string?)"/>
    public static TextTokenizer Load(string path, SplitPattern? wanted)
    {
        if (Directory.Exists(path)) return LoadFolder(path, wanted);
        if (!File.Exists(path)) throw Error(path, "does not exist");

        var (folder, name) = (Path.GetDirectoryName(path) ?? "", Path.GetFileName(path));
        foreach (var pair in Pairs)
            if (name == pair.Vocabulary || name == pair.Merges) return LoadPair(folder, pair, wanted);
        var content = ReadBytes(path);
        var start = content.AsSpan().TrimStart("\uFEFF \t\r\n"u8);
        if (start.StartsWith((byte)'{')) return CheckPattern(path, HuggingFaceReader.Read(path, content), wanted);
        // Llama's tokenizer.model is in tiktoken's format too; a sentencepiece model begins with a protobuf tag, which is outside the alphabet of base 64.
        if (name.EndsWith(".tiktoken", StringComparison.OrdinalIgnoreCase) || LooksLikeTiktoken(content)) return TiktokenFile.Read(path, content, wanted);
        if (SentencePieceModel.Looks(content)) return SentencePieceVocabulary.Read(path, content);
        if (name == LinesFile || WordPieceFile.Looks(content)) return WordPieceFile.ReadLines(path, content);
        throw Error(path, "is not a tokenizer that can be read",
            "it must be a tokenizer.json, a .tiktoken file, a SentencePiece .model, BERT's vocab.txt, or a folder with vocab.json and merges.txt");
    }

    static TextTokenizer LoadFolder(string path, SplitPattern? pattern)
    {
        // In a folder with both, tokenizer.json was converted from the model.
        foreach (var name in ModelFiles)
            if (Path.Combine(path, name) is var model && File.Exists(model) && ReadBytes(model) is var content && SentencePieceModel.Looks(content))
                return SentencePieceVocabulary.Read(model, content);
        var file = Path.Combine(path, "tokenizer.json");
        if (File.Exists(file)) return CheckPattern(file, HuggingFaceReader.Read(file, ReadBytes(file)), pattern);
        foreach (var pair in Pairs)
            if (File.Exists(Path.Combine(path, pair.Vocabulary))) return LoadPair(path, pair, pattern);
        if (Directory.GetFiles(path, "*.tiktoken") is [var only]) return TiktokenFile.Read(only, ReadBytes(only), pattern);
        if (Path.Combine(path, LinesFile) is var lines && File.Exists(lines)) return WordPieceFile.ReadLines(lines, ReadBytes(lines));
        throw Error(path, "contains no tokenizer",
            $"looked for tokenizer.json, vocab.json with merges.txt, encoder.json with vocab.bpe, {string.Join(", ", ModelFiles)}, {LinesFile} and a single .tiktoken file");
    }

    static TextTokenizer LoadPair(string folder, (string Vocabulary, string Merges) names, SplitPattern? pattern)
    {
        string vocabulary = Path.Combine(folder, names.Vocabulary), merges = Path.Combine(folder, names.Merges);
        foreach (var file in (string[])[vocabulary, merges])
            if (!File.Exists(file)) throw Error(file, "does not exist", $"{names.Vocabulary} and {names.Merges} are both needed");
        return Gpt2Files.Read(vocabulary, merges, pattern);
    }

    static TextTokenizer CheckPattern(string path, TextTokenizer tokenizer, SplitPattern? wanted)
    {
        if (wanted is { } pattern && tokenizer is ByteLevelBpeTokenizer bpe && bpe.Pattern != pattern)
            throw Error(path, $"was made with pattern {SplitPatterns.NameOf(bpe.Pattern)}, but --pattern says {SplitPatterns.NameOf(pattern)}");
        return tokenizer;
    }

    static bool LooksLikeTiktoken(ReadOnlySpan<byte> content)
    {
        var end = content.IndexOf((byte)'\n');
        var line = (end < 0 ? content : content[..end]).TrimEnd((byte)'\r');
        var space = line.IndexOf((byte)' ');
        return space > 0 && space < line.Length - 1 && !line[(space + 1)..].ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && System.Buffers.Text.Base64.IsValid(line[..space]);
    }

    internal static byte[] ReadBytes(string path) => BoundedFile.ReadBytes(path, TokenizerLimits.FileBytes);

    /// <summary>Runs an action on a file; if the file cannot be read, the error names it.</summary>
    internal static T Reading<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (InputFile.IsUnreadable(exception))
        {
            throw new UserException([new Problem($"cannot be read: {InputFile.ReasonOf(exception)}", File: path)], exception);
        }
    }

    static UserException Error(string path, string message, string? hint = null) => new([new Problem(message, File: path, Hint: hint)]);
}

/// <summary>What the readers of vocabulary files share: bounds, names, and errors with their position.</summary>
sealed class TokenizerParts(string file)
{
    readonly Dictionary<string, int> ids = [];
    readonly Dictionary<int, string> names = [];

    internal IReadOnlyDictionary<string, int> Ids => ids;

    internal int Size { get; private set; }

    /// <summary>The error of a file, with its position if it is known.</summary>
    internal UserException Error(string message, string? path = null, int? line = null, string? hint = null) =>
        new([new Problem(message, File: file, Line: line, Path: path, Hint: hint)]);

    /// <summary>Adds a token; its name and its id must be new, unless both belong together already.</summary>
    internal void Add(string name, long id, string path, int? line = null)
    {
        if (name.Length == 0) throw Error($"the token of id {id} is empty", path, line);
        if (name.Length > TokenizerLimits.TrainingPiece) throw Error($"the token of id {id} has {name.Length:N0} characters, more than {TokenizerLimits.TrainingPiece:N0}", path, line);
        if (id < 0) throw Error($"token {MessageText.Quote(name)} has the negative id {id}", path, line);
        if (id >= TokenizerLimits.Ids) throw Error($"token {MessageText.Quote(name)} has id {id}, but ids must be below {TokenizerLimits.Ids:N0}", path, line);
        if (!ids.TryAdd(name, (int)id)) throw Error($"token {MessageText.Quote(name)} appears twice", path, line);
        if (!names.TryAdd((int)id, name)) throw Error($"tokens {MessageText.Quote(names[(int)id])} and {MessageText.Quote(name)} have the same id {id}", path, line);
        Size = Math.Max(Size, (int)id + 1);
    }

    internal string? NameOf(int id) => names.GetValueOrDefault(id);

    /// <summary>A merge of two tokens by name, whose joined names must be a token too.</summary>
    internal Merge MergeOf(string left, string right, string path, int? line = null)
    {
        if (!ids.TryGetValue(left, out var leftId)) throw Error($"the merge names {MessageText.Quote(left)}, which is not in the vocabulary", path, line);
        if (!ids.TryGetValue(right, out var rightId)) throw Error($"the merge names {MessageText.Quote(right)}, which is not in the vocabulary", path, line);
        if (!ids.TryGetValue(left + right, out var result)) throw Error($"the merge makes {MessageText.Quote(left + right)}, which is not in the vocabulary", path, line);
        return new(leftId, rightId, result);
    }

    /// <summary>The bytes of all tokens but the special and added ones, whose names are not in the byte alphabet.</summary>
    internal byte[]?[] ByteTokens(IReadOnlySet<string> except, string path)
    {
        var tokens = new byte[]?[Size];
        foreach (var (name, id) in ids)
            if (!except.Contains(name))
                tokens[id] = ByteAlphabet.ToBytes(name)
                    ?? throw Error($"token {MessageText.Quote(name)} is not written in the byte-level BPE alphabet", path, hint: "only byte-level BPE vocabularies can be read");
        return tokens;
    }
}

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
