using System.Text.Json;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>A split in numbers.</summary>
/// <param name="Tokens">Tokens, those that end documents included.</param>
/// <param name="Documents">Documents, a part of one that was cut included.</param>
/// <param name="Bytes">Bytes of UTF-8.</param>
/// <param name="Characters">Unicode scalar values.</param>
public sealed record SplitSummary(long Tokens, long Documents, long Bytes, long Characters);

/// <summary>Documents whose exact text stands in both splits.</summary>
/// <param name="ValidationDocuments">How many different texts of the validation split stand in the training split too.</param>
/// <param name="TrainingDocuments">How many documents of the training split these are.</param>
/// <param name="Examples">The numbers of the first of them, in the validation split.</param>
public sealed record Duplicates(long ValidationDocuments, long TrainingDocuments, IReadOnlyList<long> Examples);

/// <summary>What a prepared folder holds: its <c>dataset.json</c>, written last.</summary>
/// <param name="Schema">Which form this document has.</param>
/// <param name="Source">Where the text came from.</param>
/// <param name="TokenizerHash">The tokenizer's hash.</param>
/// <param name="VocabularySize">V.</param>
/// <param name="HoldOut">How validation text was chosen: tail, documents, or source (its own).</param>
/// <param name="HoldOutFraction">The fraction asked for.</param>
/// <param name="Train">The training split.</param>
/// <param name="Validation">The validation split.</param>
/// <param name="Counts">What reading met.</param>
/// <param name="Duplicates">Documents in both splits.</param>
public sealed record DataManifest(string Schema, string Source, string TokenizerHash, int VocabularySize, string HoldOut, double HoldOutFraction,
    SplitSummary Train, SplitSummary Validation, TextCounts Counts, Duplicates Duplicates)
{
    /// <summary>The form that this program writes.</summary>
    public const string CurrentSchema = "transformer.dataset/1";
    /// <summary>The file's name.</summary>
    public const string FileName = "dataset.json";
    const int LongestFile = 1 << 20;

    static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true,
    };

    /// <summary>Writes the manifest into a folder.</summary>
    /// <param name="folder">The prepared folder.</param>
    public void Save(string folder)
    {
        using var file = new FileStream(Path.Combine(folder, FileName), FileMode.Create);
        JsonSerializer.Serialize(file, this, Json);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads the manifest of a folder.</summary>
    /// <param name="folder">The prepared folder.</param>
    /// <exception cref="UserException">There is none, or it is not one.</exception>
    public static DataManifest Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) throw new UserException([new Problem("is not a folder of prepared data: it has no " + FileName, folder)]);
        if (new FileInfo(path).Length > LongestFile) throw new UserException([new Problem("is too long for a manifest", path)]);
        try
        {
            var manifest = JsonSerializer.Deserialize<DataManifest>(File.ReadAllBytes(path), Json);
            if (manifest?.Schema == CurrentSchema) return manifest;
        }
        catch (JsonException) { }
        throw new UserException([new Problem($"is not a manifest of the form {CurrentSchema}", path, Hint: "prepare the data again")]);
    }
}
