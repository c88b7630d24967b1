using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>The <c>model</c> of a <c>tokenizer.json</c>: its vocabulary and merges, and the settings that must be off.</summary>
sealed class HuggingFaceModel(TokenizerParts parts)
{
    readonly List<(string Left, string Right)> merges = [];
    string? unknown;

    /// <summary>Whether a piece that is a token is not merged.</summary>
    internal bool IgnoreMerges { get; private set; }

    internal void Read(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw parts.Error("must be an object", "model");
        var seen = new HashSet<string>();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            var path = "model." + key;
            if (!seen.Add(key)) throw parts.Error("appears twice", path);
            json.Read();
            switch (key)
            {
                case "type":
                    var type = json.TokenType == JsonTokenType.String ? json.GetString()! : "?";
                    if (type != "BPE") throw parts.Error($"model {MessageText.Quote(type)} is not supported", path, hint: "only byte-level BPE can be read");
                    break;
                case "vocab": Gpt2Files.ReadVocabulary(ref json, parts, path); break;
                case "merges": ReadMerges(ref json); break;
                case "unk_token": unknown = json.TokenType == JsonTokenType.Null ? null : TextOf(ref json, path); break;
                case "ignore_merges": IgnoreMerges = json.TokenType == JsonTokenType.True; break;
                case "dropout":
                    if (json.TokenType != JsonTokenType.Null && !(json.TokenType == JsonTokenType.Number && json.GetDouble() == 0)) throw parts.Error("is not supported", path);
                    break;
                case "continuing_subword_prefix" or "end_of_word_suffix":
                    if (json.TokenType != JsonTokenType.Null && TextOf(ref json, path).Length > 0) throw parts.Error("is not supported", path);
                    break;
                case "byte_fallback":
                    if (json.TokenType is not (JsonTokenType.False or JsonTokenType.Null)) throw parts.Error("is not supported", path);
                    break;
                // Decides only whether neighbouring unknown tokens become one; bytes are never unknown.
                case "fuse_unk": json.Skip(); break;
                default: throw parts.Error("is not supported", "model." + MessageText.Quote(key));
            }
        }
        foreach (var key in (string[])["vocab", "merges"])
            if (!seen.Contains(key)) throw parts.Error("is missing", "model." + key, hint: "only byte-level BPE can be read");
    }

    /// <summary>The merges by id; the vocabulary may come after them in the file.</summary>
    internal List<Merge> Merges()
    {
        var result = new List<Merge>(merges.Count);
        var seen = new HashSet<(int, int)>();
        foreach (var (left, right) in merges)
        {
            var path = $"model.merges[{result.Count}]";
            var merge = parts.MergeOf(left, right, path);
            if (!seen.Add((merge.Left, merge.Right))) throw parts.Error("appears twice", path);
            result.Add(merge);
        }
        return result;
    }

    /// <summary>An unknown token is accepted only if it is never used, that is, if every byte has a token.</summary>
    internal void CheckUnknown(byte[]?[] tokens)
    {
        var bytes = tokens.Count(token => token is { Length: 1 });
        if (unknown is not null && bytes < 256) throw parts.Error($"is not supported if the vocabulary lacks bytes (it has {bytes} of 256)", "model.unk_token");
    }

    string TextOf(ref Utf8JsonReader json, string path) =>
        json.TokenType == JsonTokenType.String ? json.GetString()! : throw parts.Error("must be a string or null", path);

    void ReadMerges(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartArray) throw parts.Error("must be a list", "model.merges");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            var path = $"model.merges[{merges.Count}]";
            if (merges.Count == TokenizerLimits.Merges) throw parts.Error($"has more than {TokenizerLimits.Merges:N0} merges", "model.merges");
            if (json.TokenType == JsonTokenType.String)
            {
                var text = json.GetString()!;
                var space = text.IndexOf(' ');
                if (space <= 0 || space == text.Length - 1 || text.IndexOf(' ', space + 1) >= 0) throw parts.Error("must be two tokens with one space between them", path);
                merges.Add((text[..space], text[(space + 1)..]));
            }
            else if (json.TokenType == JsonTokenType.StartArray)
            {
                json.Read();
                var left = TextOf(ref json, path);
                json.Read();
                var right = TextOf(ref json, path);
                json.Read();
                if (json.TokenType != JsonTokenType.EndArray) throw parts.Error("must be a pair", path);
                merges.Add((left, right));
            }
            else throw parts.Error("must be a pair of tokens, or both in one string", path);
        }
    }
}

/// <summary>The stages before and after the model in a <c>tokenizer.json</c>: recognized in the forms of byte-level BPE, refused by name in any other.</summary>
sealed class HuggingFaceStages(TokenizerParts parts)
{
    const int LargestStage = 1 << 20;
    JsonElement? preTokenizer, decoder;

    /// <summary>The post-processor as the file has it, or null.</summary>
    internal string? PostProcessor { get; private set; }

    /// <summary>Whether the normalizer is Unicode's normal form C; no other is supported.</summary>
    internal bool Composes { get; private set; }

    /// <summary>The pre-tokenizer as the file has it, if a pattern alone does not describe it; set by <see cref="Splits"/>.</summary>
    internal string? PreTokenizer { get; private set; }

    /// <summary>Whether text reaches the model unsplit and tokens are simply joined: a vocabulary of characters.</summary>
    internal bool IsCharacters => preTokenizer is null && decoder is { } stage && TypeOf(stage) == "Fuse";

    internal void Read(string key, ref Utf8JsonReader json)
    {
        if (json.TokenType == JsonTokenType.Null) return;
        var start = json.TokenStartIndex;
        var end = json;
        end.Skip();
        if (end.BytesConsumed - start > LargestStage) throw parts.Error($"has more than {LargestStage >> 10} KiB", key);
        using var document = JsonDocument.ParseValue(ref json);
        var stage = document.RootElement.Clone();
        switch (key)
        {
            case "normalizer":
                foreach (var step in Steps(stage, "normalizers"))
                    Composes = TypeOf(step) == "NFC" ? true : throw parts.Error($"{Show(step)} is not supported", key, hint: "NFC is, or none");
                break;
            case "pre_tokenizer": preTokenizer = stage; break;
            case "decoder": decoder = stage; break;
            default:
                CheckPostProcessor(stage, key);
                // The form that this program itself writes need not be kept.
                PostProcessor = TypeOf(stage) == "ByteLevel" ? null : stage.GetRawText();
                break;
        }
    }

    /// <summary>The patterns that cut the text first, the pattern that cuts their pieces, and whether pieces get a space in front.</summary>
    internal (PieceScanner[] Before, SplitPattern Pattern, bool PrefixSpace) Splits()
    {
        if (decoder is not { } stage || TypeOf(stage) != "ByteLevel")
            throw parts.Error($"{(decoder is { } other ? Show(other) : "null")} is not supported", "decoder", hint: "byte-level BPE has a ByteLevel decoder");
        if (preTokenizer is not { } before) throw parts.Error("null is not supported", "pre_tokenizer", hint: "byte-level BPE has a ByteLevel pre-tokenizer");
        var stages = Steps(before, "pretokenizers");
        if (stages.Length == 0 || TypeOf(stages[^1]) != "ByteLevel")
            throw parts.Error($"{string.Join(" + ", stages.Select(Show))} is not supported", "pre_tokenizer", hint: "the last pre-tokenizer of byte-level BPE is ByteLevel");
        var bytes = stages[^1];
        var (cuts, regex, prefixSpace) = (stages[..^1].Select(CutOf).ToList(), JsonMembers.Flag(bytes, "use_regex", true), JsonMembers.Flag(bytes, "add_prefix_space", true));
        var pattern = regex ? SplitPattern.Gpt2 : SplitPattern.None;
        // The usual form: one pattern, by ByteLevel itself or by a Split before it.
        if (!regex && !prefixSpace && cuts is [.., { Pattern: { } last }])
        {
            pattern = last;
            cuts.RemoveAt(cuts.Count - 1);
        }
        if (cuts.Count > 0 || prefixSpace) PreTokenizer = JsonNode.Parse(before.GetRawText())!.ToJsonString();
        return ([.. cuts.Select(cut => cut.Scanner)], pattern, prefixSpace);
    }

    (PieceScanner Scanner, SplitPattern? Pattern) CutOf(JsonElement stage)
    {
        switch (TypeOf(stage))
        {
            case "Digits": return (new NumberScanner(JsonMembers.Flag(stage, "individual_digits", false) ? 1 : int.MaxValue), null);
            case "Split": break;
            default: throw parts.Error($"{Show(stage)} before ByteLevel is not supported", "pre_tokenizer", hint: "Split and Digits are");
        }
        var (behavior, invert) = (JsonMembers.Text(stage, "behavior"), JsonMembers.Flag(stage, "invert", false));
        if (JsonMembers.Text(JsonMembers.Member(stage, "pattern"), "Regex") is not { } regex) throw parts.Error("Split without a Regex is not supported", "pre_tokenizer");
        if (regex is @"\p{N}" or @"\p{N}{1,3}" && (behavior, invert) is ("Isolated", false)) return (new NumberScanner(regex == @"\p{N}" ? 1 : 3), null);
        // Pieces between matches or the matches themselves: the patterns match everything, so both mean the same.
        if ((behavior, invert) is not (("Isolated", false) or ("Removed", true)))
            throw parts.Error($"behavior {behavior ?? "null"} with invert {invert} is not supported", "pre_tokenizer");
        var pattern = SplitPatterns.FromRegex(regex)
            ?? throw parts.Error($"the pattern {MessageText.Quote(regex)} is not supported", "pre_tokenizer", hint: $"those of {SplitPatterns.Names} are");
        return (PieceScanner.For(pattern), pattern);
    }

    void CheckPostProcessor(JsonElement stage, string path)
    {
        foreach (var step in Steps(stage, "processors"))
            if (TypeOf(step) is not ("ByteLevel" or "TemplateProcessing" or "BertProcessing" or "RobertaProcessing"))
                throw parts.Error($"{Show(step)} is not supported", path);
    }

    /// <summary>The tokens that a post-processor puts before and after a single text.</summary>
    /// <exception cref="UserException">It puts the text there twice or never, or names a token that does not exist.</exception>
    internal static (int[] Before, int[] After) FrameOf(string postProcessor, TokenizerParts parts, int vocabulary)
    {
        using var document = JsonDocument.Parse(postProcessor);
        List<int> before = [], after = [];
        foreach (var step in Steps(document.RootElement, "processors"))
        {
            if (TypeOf(step) is "BertProcessing" or "RobertaProcessing")
            {
                before.Insert(0, IdOf(JsonMembers.Member(step, "cls"), "cls"));
                after.Add(IdOf(JsonMembers.Member(step, "sep"), "sep"));
            }
            else if (TypeOf(step) == "TemplateProcessing") AddTemplate(step);
        }
        return ([.. before], [.. after]);

        void AddTemplate(JsonElement step)
        {
            var text = false;
            List<int> front = [];
            if (JsonMembers.Member(step, "single") is not { ValueKind: JsonValueKind.Array } template) throw parts.Error("must be a list", "post_processor.single");
            foreach (var part in template.EnumerateArray())
            {
                if (JsonMembers.Text(JsonMembers.Member(part, "SpecialToken"), "id") is { } name)
                {
                    if (JsonMembers.Member(JsonMembers.Member(JsonMembers.Member(step, "special_tokens"), name), "ids") is not { ValueKind: JsonValueKind.Array } ids)
                        throw parts.Error($"has no ids for {MessageText.Quote(name)}", "post_processor.special_tokens");
                    (text ? after : front).AddRange(ids.EnumerateArray().Select(id => Checked(id, name)));
                }
                else if (JsonMembers.Text(JsonMembers.Member(part, "Sequence"), "id") == "A" && !text) text = true;
                else throw parts.Error("must be special tokens around one sequence A", "post_processor.single");
            }
            if (!text) throw parts.Error("must be special tokens around one sequence A", "post_processor.single");
            before.InsertRange(0, front);
        }

        int IdOf(JsonElement pair, string name) =>
            pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2 ? Checked(pair[1], name) : throw parts.Error("must be a token and its id", $"post_processor.{name}");

        int Checked(JsonElement id, string name) => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var number) && number >= 0 && number < vocabulary ? number
            : throw parts.Error($"the id of {MessageText.Quote(name)} is not in the vocabulary", "post_processor");
    }

    static JsonElement[] Steps(JsonElement stage, string key) =>
        TypeOf(stage) == "Sequence" && stage.TryGetProperty(key, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [stage];

    static string Show(JsonElement stage) => MessageText.Quote(TypeOf(stage) ?? stage.ValueKind.ToString());

    static string? TypeOf(JsonElement stage) => stage.ValueKind == JsonValueKind.Object ? JsonMembers.Text(stage, "type") : null;
}
