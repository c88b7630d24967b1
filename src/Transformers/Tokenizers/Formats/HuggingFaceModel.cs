using System.Text.Json;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>The <c>model</c> of a <c>tokenizer.json</c>: its vocabulary and merges, and the settings that must be off.</summary>
sealed class HuggingFaceModel(TokenizerParts parts)
{
    readonly List<(string Left, string Right)> merges = [];
    string? unknown;

    /// <summary>Whether a piece that is a token is taken whole.</summary>
    internal bool IgnoreMerges { get; private set; }

    internal void Read(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw parts.Error("must be an object", "model");
        var seen = new HashSet<string>();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            var path = "model." + key;
            if (!seen.Add(key)) throw parts.Error("stands twice", path);
            json.Read();
            switch (key)
            {
                case "type":
                    var type = json.TokenType == JsonTokenType.String ? json.GetString()! : "?";
                    if (type != "BPE") throw parts.Error($"model {TokenizerParts.Show(type)} is not supported", path, hint: "only byte-level BPE can be read");
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
                default: throw parts.Error("is not supported", "model." + TokenizerParts.Show(key));
            }
        }
        foreach (var key in (string[])["vocab", "merges"])
            if (!seen.Contains(key)) throw parts.Error("is missing", "model." + key, hint: "only byte-level BPE can be read");
    }

    /// <summary>The merges by id; the vocabulary may stand behind them in the file.</summary>
    internal List<Merge> Merges()
    {
        var result = new List<Merge>(merges.Count);
        var seen = new HashSet<(int, int)>();
        foreach (var (left, right) in merges)
        {
            var path = $"model.merges[{result.Count}]";
            var merge = parts.MergeOf(left, right, path);
            if (!seen.Add((merge.Left, merge.Right))) throw parts.Error("stands twice", path);
            result.Add(merge);
        }
        return result;
    }

    /// <summary>An unknown token can only be right where it never comes up: where every byte has a token.</summary>
    internal void CheckUnknown(byte[]?[] tokens)
    {
        var bytes = tokens.Count(token => token is { Length: 1 });
        if (unknown is not null && bytes < 256) throw parts.Error($"is not supported where the vocabulary lacks bytes (it has {bytes} of 256)", "model.unk_token");
    }

    string TextOf(ref Utf8JsonReader json, string path) =>
        json.TokenType == JsonTokenType.String ? json.GetString()! : throw parts.Error("must be a text or null", path);

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
            else throw parts.Error("must be a pair of tokens, or both in one text", path);
        }
    }
}
