using Transformers.IO;
using Transformers.Tokenizers;

namespace Transformers.Data.Text;

/// <summary>A prepared folder: two splits of tokens and what is known of them.</summary>
public sealed class PreparedData : IDisposable
{
    /// <summary>The name of the training split in file names.</summary>
    public const string TrainSplit = "train";
    /// <summary>The name of the validation split in file names.</summary>
    public const string ValidationSplit = "validation";

    PreparedData(string folder, DataManifest manifest, TokenShards train, TokenShards validation) =>
        (Folder, Manifest, Train, Validation) = (folder, manifest, train, validation);

    /// <summary>Where it lies.</summary>
    public string Folder { get; }
    /// <summary>What is known of it.</summary>
    public DataManifest Manifest { get; }
    /// <summary>The training split.</summary>
    public TokenShards Train { get; }
    /// <summary>The validation split; may be empty.</summary>
    public TokenShards Validation { get; }

    /// <summary>The prepared folder that a config names where it names files; null where it names text.</summary>
    /// <param name="source">The config.</param>
    public static string? FolderOf(TextSourceConfig source) =>
        source is TextFiles { Files: [var folder] } && File.Exists(Path.Combine(folder, DataManifest.FileName)) ? folder : null;

    /// <summary>The file of a prepared folder that holds its tokenizer.</summary>
    /// <param name="folder">The folder.</param>
    public static string TokenizerPath(string folder) => TokenizerPair.PathIn(folder);

    /// <summary>Opens a prepared folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="tokenizer">The tokenizer that the ids must be of; null takes any.</param>
    /// <exception cref="UserException">It is not such a folder, it is damaged, or its ids are of another tokenizer.</exception>
    public static PreparedData Open(string folder, TextTokenizer? tokenizer = null)
    {
        var manifest = DataManifest.Load(folder);
        var train = TokenShards.Open(folder, TrainSplit);
        try
        {
            var data = new PreparedData(folder, manifest, train, TokenShards.Open(folder, ValidationSplit));
            data.Check(tokenizer?.Hash ?? manifest.TokenizerHash);
            return data;
        }
        catch
        {
            train.Dispose();
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

    /// <summary>Lets go of what is mapped.</summary>
    public void Dispose()
    {
        Train.Dispose();
        Validation.Dispose();
    }

    void Check(string tokenizerHash)
    {
        foreach (var (split, summary) in new[] { (Train, Manifest.Train), (Validation, Manifest.Validation) })
        {
            if (split.TokenizerHash != tokenizerHash) throw new ShardException(split.Files[0], "was made with another tokenizer");
            if (split.Count != summary.Tokens || split.DocumentCount != summary.Documents)
                throw new ShardException(split.Files[0], $"has {split.Count} tokens, and {DataManifest.FileName} says {summary.Tokens}: a shard is missing");
        }
    }
}
