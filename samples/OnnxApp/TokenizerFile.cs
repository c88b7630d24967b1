using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace OnnxApp;

/// <summary>Reads the tokenizer of an exported folder into one of Microsoft.ML.Tokenizers.</summary>
static class TokenizerFile
{
    // GPT-2's split pattern; files with a different one name it.
    const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public static Tokenizer Load(string path)
    {
        if (Path.GetExtension(path) == ".model")
        {
            using var file = File.OpenRead(path);
            return SentencePieceTokenizer.Create(file, addBeginningOfSentence: false, addEndOfSentence: false);
        }
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        var model = document.RootElement.GetProperty("model");
        var vocabulary = model.GetProperty("vocab").EnumerateObject().ToDictionary(token => token.Name, token => token.Value.GetInt32());
        return model.GetProperty("type").GetString() switch
        {
            "BPE" => BytePairs(vocabulary, model.GetProperty("merges"), document.RootElement.GetProperty("pre_tokenizer")),
            "WordLevel" => Words(vocabulary),
            var type => throw new NotSupportedException($"a tokenizer of type {type}"),
        };
    }

    // A character vocabulary has no pre-tokenizer and no merges.
    static BpeTokenizer BytePairs(Dictionary<string, int> vocabulary, JsonElement merges, JsonElement preTokenizer) => BpeTokenizer.Create(new BpeOptions(vocabulary)
    {
        Merges = merges.EnumerateArray().Select(merge => merge.ValueKind == JsonValueKind.String ? merge.GetString()! : string.Join(' ', merge.EnumerateArray().Select(part => part.GetString()))),
        ByteLevel = preTokenizer.ValueKind != JsonValueKind.Null,
        PreTokenizer = new RegexPreTokenizer(new Regex(PatternOf(preTokenizer)), null),
    });

    // Without an expression, the library would split at white space and drop it. This one splits characters one by one, or keeps a text in one piece.
    static string PatternOf(JsonElement preTokenizer)
    {
        if (preTokenizer.ValueKind == JsonValueKind.Null) return @"[\uD800-\uDBFF][\uDC00-\uDFFF]|[\s\S]";
        if (preTokenizer.GetProperty("type").GetString() == "Sequence") return preTokenizer.GetProperty("pretokenizers")[0].GetProperty("pattern").GetProperty("Regex").GetString()!;
        return preTokenizer.GetProperty("use_regex").GetBoolean() ? Gpt2 : @"[\s\S]+";
    }

    // A vocabulary of whole words is a WordPiece vocabulary without pieces.
    static WordPieceTokenizer Words(Dictionary<string, int> vocabulary)
    {
        var lines = string.Join('\n', vocabulary.OrderBy(word => word.Value).Select(word => word.Key));
        return WordPieceTokenizer.Create(new MemoryStream(Encoding.UTF8.GetBytes(lines)), new() { PreTokenizer = new RegexPreTokenizer(new Regex(@"\S+"), null), UnknownToken = "<unk>" });
    }
}
