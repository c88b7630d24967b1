using Transformers.Tokenizers;

namespace Transformers.Data.Text;

/// <summary>A prepared folder: two splits of tokens and their statistics.</summary>
public sealed class PreparedData : IDisposable
{
    /// <summary>The name of the training split in file names.</summary>
    public const string TrainSplit = "train";
    /// <summary>The name of the validation split in file names.</summary>
    public const string ValidationSplit = "validation";

    PreparedData(string folder, DataManifest manifest, TokenShards train, TokenShards validation) =>
        (Folder, Manifest, Train, Validation) = (folder, manifest, train, validation);

    /// <summary>Its path.</summary>
    public string Folder { get; }
    /// <summary>Its statistics.</summary>
    public DataManifest Manifest { get; }
    /// <summary>The training split.</summary>
    public TokenShards Train { get; }
    /// <summary>The validation split; may be empty.</summary>
    public TokenShards Validation { get; }

    /// <summary>The prepared folder that a config names instead of text files; null if it names text.</summary>
    /// <param name="source">The config.</param>
    public static string? FolderOf(TextSourceConfig source) =>
        source is TextFilesConfig { Files: [var folder] } && File.Exists(Path.Combine(folder, DataManifest.FileName)) ? folder : null;

    /// <summary>The tokenizer's file in a prepared folder.</summary>
    public static string TokenizerPath(string folder) => TokenizerPair.PathIn(folder);

    /// <summary>Opens a prepared folder.</summary>
    /// <param name="tokenizer">The tokenizer that must have made the ids; null accepts any.</param>
    /// <exception cref="UserException">It is not such a folder, it is damaged, or its ids were made with another tokenizer.</exception>
    public static PreparedData Open(string folder, TextTokenizer? tokenizer = null)
    {
        var manifest = DataManifest.Load(folder);
        var train = TokenShards.Open(folder, TrainSplit);
        TokenShards? validation = null;
        try
        {
            validation = TokenShards.Open(folder, ValidationSplit);
            var data = new PreparedData(folder, manifest, train, validation);
            data.Check(tokenizer?.Hash ?? manifest.TokenizerHash);
            return data;
        }
        catch
        {
            train.Dispose();
            validation?.Dispose();
            throw;
        }
    }

    /// <summary>Reads everything once, checksums included.</summary>
    /// <exception cref="ShardException">Something is damaged.</exception>
    public void Verify()
    {
        Train.Verify();
        Validation.Verify();
    }

    /// <summary>Unmaps the files.</summary>
    public void Dispose()
    {
        Train.Dispose();
        Validation.Dispose();
    }

    void Check(string tokenizerHash)
    {
        foreach (var (split, summary) in new[] { (Train, Manifest.Train), (Validation, Manifest.Validation) })
        {
            if (split.TokenizerHash != tokenizerHash) throw new ShardException(split.Files[0], "was made with a different tokenizer");
            if (split.Count != summary.Tokens || split.DocumentCount != summary.Documents)
                throw new ShardException(split.Files[0], $"has {split.Count} tokens, but {DataManifest.FileName} says {summary.Tokens}: a shard is missing");
        }
    }
}

/// <summary>Statistics of a split.</summary>
/// <param name="Tokens">Tokens, including those that end documents.</param>
/// <param name="Documents">Documents, including a part of one that was cut.</param>
/// <param name="Bytes">Bytes of UTF-8.</param>
/// <param name="Characters">Unicode scalar values.</param>
public sealed record SplitSummary(long Tokens, long Documents, long Bytes, long Characters);

/// <summary>Documents whose exact text is in both splits.</summary>
/// <param name="ValidationDocuments">How many different texts of the validation split are in the training split too.</param>
/// <param name="TrainingDocuments">How many documents of the training split have one of these texts.</param>
/// <param name="Examples">The numbers, in the validation split, of the first few of them.</param>
public sealed record Duplicates(long ValidationDocuments, long TrainingDocuments, IReadOnlyList<long> Examples);

/// <summary>What a prepared folder contains: its <c>dataset.json</c>, written last.</summary>
/// <param name="Schema">The document's name and version.</param>
/// <param name="Source">Where the text came from.</param>
/// <param name="TokenizerHash">The tokenizer's hash.</param>
/// <param name="VocabularySize">V.</param>
/// <param name="HoldOut">How validation text was chosen: tail, documents, or source (its own).</param>
/// <param name="HoldOutFraction">The requested fraction.</param>
/// <param name="Train">The training split.</param>
/// <param name="Validation">The validation split.</param>
/// <param name="Counts">What was read.</param>
/// <param name="Duplicates">Documents in both splits.</param>
public sealed record DataManifest(string Schema, string Source, string TokenizerHash, int VocabularySize, string HoldOut, double HoldOutFraction,
    SplitSummary Train, SplitSummary Validation, TextCounts Counts, Duplicates Duplicates)
{
    /// <summary>The version that this program writes.</summary>
    public const string CurrentSchema = "transformer.dataset/1";
    /// <summary>The file's name.</summary>
    public const string FileName = "dataset.json";
    const int LongestFile = 1 << 20;

    /// <summary>Writes the manifest into a folder.</summary>
    /// <param name="folder">The prepared folder.</param>
    public void Save(string folder) => DurableFile.WriteBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, JsonStyle.Strict));

    /// <summary>Reads the manifest of a folder.</summary>
    /// <param name="folder">The prepared folder.</param>
    /// <exception cref="UserException">It is missing or invalid.</exception>
    public static DataManifest Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) throw new UserException([new Problem("is not a folder of prepared data: it has no " + FileName, folder)]);
        if (new FileInfo(path).Length > LongestFile) throw new UserException([new Problem("is too long for a manifest", path)]);
        try
        {
            var manifest = JsonSerializer.Deserialize<DataManifest>(File.ReadAllBytes(path), JsonStyle.Strict);
            if (manifest?.Schema == CurrentSchema) return manifest;
        }
        catch (JsonException) { }
        throw new UserException([new Problem($"is not a manifest with the schema {CurrentSchema}", path, Hint: "prepare the data again")]);
    }
}

/// <summary>The folder of prepared data: generated and tokenized data, which are written again when they are needed.</summary>
public static class DataCache
{
    /// <summary>The environment variable that names another folder.</summary>
    public const string Variable = "TRANSFORMER_CACHE";

    /// <summary>The folder: the one that <see cref="Variable"/> names, otherwise <c>data/.cache</c> in the working directory.</summary>
    public static string Folder => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : Path.Combine("data", ".cache");

    /// <summary>Whether a path that could not be written is in the folder, or is one that had to be created for it.</summary>
    /// <param name="path">The path.</param>
    public static bool Concerns(string path)
    {
        var (cache, other) = (Path.GetFullPath(Folder) + Path.DirectorySeparatorChar, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) + Path.DirectorySeparatorChar);
        return other.StartsWith(cache, StringComparison.Ordinal) || cache.StartsWith(other, StringComparison.Ordinal) && !Directory.Exists(other);
    }
}
