using System.Buffers.Text;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Reads tiktoken's format: a token in base 64, a space, its rank, which is its id.</summary>
/// <remarks>The format names neither pattern nor special tokens; both are known for the published vocabularies, by their number of tokens.</remarks>
static class TiktokenFile
{
    // The time to find a token's merges grows with the square of its length; published vocabularies need a fortieth of this.
    const long SplitBudget = 1 << 29;
    static readonly Comparer<Merge> ByIds = Comparer<Merge>.Create((x, y) => (x.Left, x.Right).CompareTo((y.Left, y.Right)));

    internal static TextTokenizer Read(string path, byte[] content, SplitPattern? pattern)
    {
        var error = new TokenizerParts(path);
        var idOf = new Dictionary<ReadOnlyMemory<byte>, int>(ByteStringComparer.Instance);
        var byId = new SortedDictionary<int, byte[]>();
        var number = 0;
        foreach (var range in content.AsSpan().Split((byte)'\n'))
        {
            number++;
            var line = content.AsSpan(range).TrimEnd((byte)'\r');
            if (line.Length == 0) continue;
            var (token, id) = ReadLine(line, number, error);
            if (!idOf.TryAdd(token, id)) throw error.Error("the token appears twice", line: number);
            if (!byId.TryAdd(id, token)) throw error.Error($"rank {id} appears twice", line: number);
        }
        if (byId.Count == 0) throw error.Error("contains no tokens");

        var known = KnownVocabulary(byId.Count);
        pattern ??= known?.Pattern ?? throw error.Error($"does not say which pattern its {byId.Count:N0} tokens were made with", hint: $"give --pattern: {SplitPatterns.Names}");
        var special = known?.Pattern == pattern ? known.Value.Special : [];
        var size = Math.Max(byId.Keys.Max(), special.Values.DefaultIfEmpty(-1).Max()) + 1;
        var tokens = new byte[]?[size];
        foreach (var (id, token) in byId) tokens[id] = token;
        foreach (var (name, id) in special)
            if (tokens[id] is not null) throw error.Error($"gives rank {id}, the id of {name}, to another token");
        return new ByteLevelBpeTokenizer(new BpeDefinition
        {
            Tokens = tokens, Merges = FindMerges(byId, idOf, error), Special = special, Pattern = pattern.Value, WholePiecesFirst = true,
        });
    }

    static (byte[] Token, int Id) ReadLine(ReadOnlySpan<byte> line, int number, TokenizerParts error)
    {
        var space = line.IndexOf((byte)' ');
        if (space <= 0) throw error.Error("must be a base64 token, a space and its rank", line: number);
        if (space > TokenizerLimits.TrainingPiece) throw error.Error("the token is too long", line: number);
        var token = new byte[Base64.GetMaxDecodedFromUtf8Length(space)];
        if (Base64.DecodeFromUtf8(line[..space], token, out _, out var length) != System.Buffers.OperationStatus.Done || length == 0)
            throw error.Error("the token is not base64", line: number);
        if (!Utf8Parser.TryParse(line[(space + 1)..], out int id, out var consumed) || consumed != line.Length - space - 1)
            throw error.Error("the rank is not a whole number", line: number);
        if (id is < 0 or >= TokenizerLimits.Ids) throw error.Error($"rank {id} must be between 0 and {TokenizerLimits.Ids - 1}", line: number);
        return (token[..length], id);
    }

    /// <summary>Every way of making a token from two others: tiktoken merges any two neighbours that join to a token, by the token's rank.</summary>
    static List<Merge> FindMerges(SortedDictionary<int, byte[]> tokens, Dictionary<ReadOnlyMemory<byte>, int> idOf, TokenizerParts error)
    {
        var merges = new List<Merge>();
        var lookup = idOf.GetAlternateLookup<ReadOnlySpan<byte>>();
        long work = 0;
        foreach (var (id, token) in tokens)
        {
            work += (long)token.Length * token.Length;
            if (work > SplitBudget || merges.Count > TokenizerLimits.Merges) throw error.Error("has tokens so long that their merges cannot be found");
            var first = merges.Count;
            for (var split = 1; split < token.Length; split++)
                if (lookup.TryGetValue(token.AsSpan(0, split), out var left) && lookup.TryGetValue(token.AsSpan(split), out var right))
                    merges.Add(new(left, right, id));
            if (merges.Count - first > 1) merges.Sort(first, merges.Count - first, ByIds);
        }
        return merges;
    }

    static (SplitPattern Pattern, Dictionary<string, int> Special)? KnownVocabulary(int count) => count switch
    {
        // r50k (GPT-2), and p50k, which leaves out the number of the special token.
        50256 or 50280 => (SplitPattern.Gpt2, new() { ["<|endoftext|>"] = 50256 }),
        100256 => (SplitPattern.Cl100k, new()
        {
            ["<|endoftext|>"] = 100257, ["<|fim_prefix|>"] = 100258, ["<|fim_middle|>"] = 100259, ["<|fim_suffix|>"] = 100260, ["<|endofprompt|>"] = 100276,
        }),
        128000 => (SplitPattern.Cl100k, Llama3Special()),
        199998 => (SplitPattern.O200k, new() { ["<|endoftext|>"] = 199999, ["<|endofprompt|>"] = 200018 }),
        _ => null,
    };

    static Dictionary<string, int> Llama3Special()
    {
        var named = new Dictionary<int, string>
        {
            [0] = "<|begin_of_text|>", [1] = "<|end_of_text|>", [6] = "<|start_header_id|>", [7] = "<|end_header_id|>", [9] = "<|eot_id|>",
        };
        var special = new Dictionary<string, int>();
        for (int i = 0, reserved = 0; i < 256; i++)
            special[named.TryGetValue(i, out var name) ? name : $"<|reserved_special_token_{reserved++}|>"] = 128000 + i;
        return special;
    }
}

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
