using System.Text.Json;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>What stands before and behind the model in a <c>tokenizer.json</c>: recognised in the forms of byte-level BPE, refused by name in any other.</summary>
sealed class HuggingFaceStages(TokenizerParts parts)
{
    const int LargestStage = 1 << 20;
    JsonElement? preTokenizer, decoder;

    /// <summary>The post-processor as it stands in the file, or null.</summary>
    internal string? PostProcessor { get; private set; }

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
                if (TypeOf(stage) == "Sequence" && stage.TryGetProperty("normalizers", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() == 0) break;
                throw parts.Error($"{Show(stage)} is not supported", key);
            case "pre_tokenizer": preTokenizer = stage; break;
            case "decoder": decoder = stage; break;
            default:
                CheckPostProcessor(stage, key);
                // The form that this program writes by itself need not be kept.
                PostProcessor = TypeOf(stage) == "ByteLevel" ? null : stage.GetRawText();
                break;
        }
    }

    /// <summary>The split pattern.</summary>
    internal SplitPattern Pattern()
    {
        if (decoder is not { } stage || TypeOf(stage) != "ByteLevel")
            throw parts.Error($"{(decoder is { } other ? Show(other) : "null")} is not supported", "decoder", hint: "byte-level BPE has a ByteLevel decoder");
        if (preTokenizer is not { } before) throw parts.Error("null is not supported", "pre_tokenizer", hint: "byte-level BPE has a ByteLevel pre-tokenizer");
        var stages = Steps(before, "pretokenizers");
        return stages switch
        {
            [var only] when TypeOf(only) == "ByteLevel" => UsesRegex(only) ? SplitPattern.Gpt2 : SplitPattern.None,
            [var split, var bytes] when TypeOf(split) == "Split" && TypeOf(bytes) == "ByteLevel" && !UsesRegex(bytes) => PatternOf(split),
            _ => throw parts.Error($"{string.Join(" + ", stages.Select(Show))} is not supported", "pre_tokenizer"),
        };
    }

    SplitPattern PatternOf(JsonElement split)
    {
        // Pieces between matches or the matches themselves: the patterns match everything, so both say the same.
        var (behavior, invert) = (Text(split, "behavior"), Flag(split, "invert", false));
        if ((behavior, invert) is not (("Isolated", false) or ("Removed", true)))
            throw parts.Error($"behavior {behavior ?? "null"} with invert {invert} is not supported", "pre_tokenizer");
        if (!split.TryGetProperty("pattern", out var pattern) || pattern.ValueKind != JsonValueKind.Object || Text(pattern, "Regex") is not { } regex)
            throw parts.Error("Split without a Regex is not supported", "pre_tokenizer");
        return SplitPatterns.FromRegex(regex)
            ?? throw parts.Error($"the pattern {TokenizerParts.Show(regex)} is not supported", "pre_tokenizer", hint: $"those of {SplitPatterns.Names} are");
    }

    bool UsesRegex(JsonElement byteLevel)
    {
        if (Flag(byteLevel, "add_prefix_space", true)) throw parts.Error("is not supported unless false", "pre_tokenizer.add_prefix_space");
        return Flag(byteLevel, "use_regex", true);
    }

    void CheckPostProcessor(JsonElement stage, string path)
    {
        foreach (var step in Steps(stage, "processors"))
            if (TypeOf(step) is not ("ByteLevel" or "TemplateProcessing" or "BertProcessing" or "RobertaProcessing"))
                throw parts.Error($"{Show(step)} is not supported", path);
    }

    static JsonElement[] Steps(JsonElement stage, string key) =>
        TypeOf(stage) == "Sequence" && stage.TryGetProperty(key, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [stage];

    static string Show(JsonElement stage) => TokenizerParts.Show(TypeOf(stage) ?? stage.ValueKind.ToString());

    static string? TypeOf(JsonElement stage) => stage.ValueKind == JsonValueKind.Object ? Text(stage, "type") : null;

    static string? Text(JsonElement stage, string key) => stage.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static bool Flag(JsonElement stage, string key, bool otherwise) =>
        stage.TryGetProperty(key, out var value) ? value.ValueKind == JsonValueKind.True : otherwise;
}
