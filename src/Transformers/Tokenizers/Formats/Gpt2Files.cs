using System.Text.Json;
using Transformers.IO;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Reads GPT-2's pair of files: the vocabulary as JSON, and the merges, one per line.</summary>
static class Gpt2Files
{
    internal static TextTokenizer Read(string vocabularyPath, string mergesPath, SplitPattern? pattern)
    {
        var parts = new TokenizerParts(vocabularyPath);
        var reader = new BoundedJson(TokenizerFile.ReadBytes(vocabularyPath), vocabularyPath);
        reader.ReadDocument((ref Utf8JsonReader json) => ReadVocabulary(ref json, parts, ""));
        var merges = ReadMerges(mergesPath, parts);

        // A token longer than a byte that no merge makes can only be an added one.
        var made = merges.Select(merge => merge.Result).ToHashSet();
        var special = parts.Ids.Where(token => !made.Contains(token.Value) && token.Key.Length > 2 && token.Key[0] == '<' && token.Key[^1] == '>')
            .ToDictionary(token => token.Key, token => token.Value);
        return new ByteLevelBpeTokenizer(new BpeDefinition
        {
            Tokens = parts.ByteTokens(special.Keys.ToHashSet(), ""),
            Merges = merges,
            Special = special,
            Pattern = pattern ?? SplitPattern.Gpt2,
        });
    }

    internal static void ReadVocabulary(ref Utf8JsonReader json, TokenizerParts parts, string path)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw parts.Error("the vocabulary must be an object of tokens and ids", path);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.GetString()!;
            json.Read();
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var id))
                throw parts.Error($"the id of token {MessageText.Quote(name)} must be a whole number", path);
            parts.Add(name, id, path);
        }
    }

    static List<Merge> ReadMerges(string path, TokenizerParts vocabulary)
    {
        var here = new TokenizerParts(path);
        var merges = new List<Merge>();
        var seen = new HashSet<(int, int)>();
        using var lines = new StreamReader(new MemoryStream(TokenizerFile.ReadBytes(path)));
        for (var number = 1; lines.ReadLine() is { } line; number++)
        {
            // Only the first line may be a heading: a merge may contain '#' too.
            if (line.Length == 0 || (number == 1 && line.StartsWith("#version", StringComparison.Ordinal))) continue;
            var space = line.IndexOf(' ');
            if (space <= 0 || space == line.Length - 1 || line.IndexOf(' ', space + 1) >= 0)
                throw here.Error("a merge must be two tokens with one space between them", line: number);
            string left = line[..space], right = line[(space + 1)..];
            foreach (var name in (string[])[left, right, left + right])
                if (!vocabulary.Ids.ContainsKey(name)) throw here.Error($"the merge needs {MessageText.Quote(name)}, which is not in the vocabulary", line: number);
            var merge = vocabulary.MergeOf(left, right, "", number);
            if (!seen.Add((merge.Left, merge.Right))) throw here.Error($"the merge {MessageText.Quote(line)} appears twice", line: number);
            merges.Add(merge);
        }
        return merges;
    }
}
