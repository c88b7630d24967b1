using System.Text.Json;
using Transformers.IO;

namespace Transformers.Interchange.HuggingFace;

/// <summary>Another program's <c>config.json</c>: checked values, with errors that name the file and the key.</summary>
sealed class ForeignConfig
{
    const int Largest = 16 << 20, Deepest = 32;

    readonly JsonElement root;

    ForeignConfig(string path, JsonElement root) => (Path, this.root) = (path, root);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="UserException">It is missing, too large, or not a JSON object.</exception>
    public static ForeignConfig Read(string path)
    {
        if (!File.Exists(path)) throw new UserException([new Problem("is missing", path, Hint: "a folder of Hugging Face's transformers library has config.json, model.safetensors and, for text, tokenizer.json")]);
        try
        {
            using var document = JsonDocument.Parse(BoundedFile.ReadBytes(path, Largest), new() { MaxDepth = Deepest });
            return document.RootElement.ValueKind == JsonValueKind.Object ? new(path, document.RootElement.Clone()) : throw new UserException([new Problem("must be a JSON object", path)]);
        }
        catch (JsonException exception)
        {
            throw new UserException([new Problem("is not valid JSON", path, Line: (int?)exception.LineNumber + 1, Column: (int?)exception.BytePositionInLine + 1)], exception);
        }
    }

    /// <summary>An object within this one; null if there is none.</summary>
    public ForeignConfig? Inner(string key) => Find(key) is { ValueKind: JsonValueKind.Object } inner ? new(Path, inner) : null;

    /// <summary>Whether there is a value other than null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>A whole number.</summary>
    /// <exception cref="UserException">It is missing, not a whole number, or out of range.</exception>
    public int Int(string key, int? standard = null, int least = 1, int most = 10_000_000)
    {
        if (Find(key) is not { } value) return standard ?? throw Missing(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most ? number
            : throw Error(key, $"({Show(value)}) must be a whole number from {least} to {most}");
    }

    /// <summary>A whole number; null if there is none.</summary>
    public int? OptionalInt(string key, int least = 0) => Has(key) ? Int(key, least: least) : null;

    /// <summary>A number.</summary>
    public double Number(string key, double standard) => Find(key) is not { } value ? standard
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : throw Error(key, $"({Show(value)}) must be a number");

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool standard) => Find(key) is not { } value ? standard
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Error(key, $"({Show(value)}) must be true or false");

    /// <summary>A string; null if there is none.</summary>
    public string? Text(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Error(key, $"({Show(value)}) must be a string");

    /// <summary>A list of whole numbers.</summary>
    public int[] Ints(string key, int least = 1, int most = 1_000_000) => Find(key) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() is > 0 and <= 64
        ? [.. list.EnumerateArray().Select(one => one.ValueKind == JsonValueKind.Number && one.TryGetInt32(out var number) && number >= least && number <= most ? number
            : throw Error(key, $"({Show(one)}) must be whole numbers from {least} to {most}"))]
        : throw (Has(key) ? Error(key, "must be a list of whole numbers") : Missing(key));

    /// <summary>Token ids: a list, a single one, or none.</summary>
    public IReadOnlyList<int> Ids(string key) => Find(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() == 0 => [],
        { ValueKind: JsonValueKind.Array } => Ints(key, least: 0, most: int.MaxValue),
        _ => [Int(key, least: 0, most: int.MaxValue)],
    };

    /// <summary>The keys.</summary>
    public IEnumerable<string> Keys => root.EnumerateObject().Select(member => member.Name);

    /// <summary>A list of numbers; null if there is none.</summary>
    public double[]? Numbers(string key) => Find(key) is not { } list ? null
        : list.ValueKind == JsonValueKind.Array && list.GetArrayLength() is > 0 and <= 64 && list.EnumerateArray().All(one => one.ValueKind == JsonValueKind.Number)
            ? [.. list.EnumerateArray().Select(one => one.GetDouble())] : throw Error(key, "must be a list of numbers");

    /// <summary>A list of strings; null if there is none.</summary>
    public string[]? Texts(string key) => Find(key) is not { } list ? null
        : list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(one => one.GetString()!)] : throw Error(key, "must be a list of strings");

    /// <summary>The strings of an object whose keys are the numbers from 0, such as <c>id2label</c>; null if there is none.</summary>
    public string[]? Numbered(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Error(key, "must be an object of strings");
        var texts = new SortedDictionary<int, string>();
        foreach (var member in value.EnumerateObject())
            if (!int.TryParse(member.Name, System.Globalization.NumberStyles.None, null, out var number) || member.Value.ValueKind != JsonValueKind.String || !texts.TryAdd(number, member.Value.GetString()!))
                throw Error(key, $"({MessageText.Escape(member.Name)}) must have class numbers as keys, each once, and strings as values");
        return texts.Count > 0 && texts.Keys.First() == 0 && texts.Keys.Last() == texts.Count - 1 ? [.. texts.Values] : throw Error(key, "must have the keys 0, 1, 2, … without a gap");
    }

    /// <summary>Requires a value, because this program's models do not support any other.</summary>
    /// <exception cref="UserException">It has another value.</exception>
    public void Require(string key, string standard, params string[] allowed)
    {
        var value = Find(key) is { } found ? Show(found) : standard;
        if (!allowed.Contains(value)) throw Error(key, $"({MessageText.Escape(value)}) is not supported: it must be {string.Join(" or ", allowed)}");
    }

    /// <summary>The error for a value.</summary>
    public UserException Error(string key, string message) => new([new Problem(message, Path, Path: key)]);

    UserException Missing(string key) => new([new Problem("is missing", Path, Path: key)]);

    JsonElement? Find(string key) => root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    static string Show(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : MessageText.Escape(value.GetRawText());
}
