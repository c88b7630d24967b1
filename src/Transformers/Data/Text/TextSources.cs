using System.Security.Cryptography;
using System.Text;
using Transformers.Generators.Stories;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Opens the text that a config names.</summary>
public static class TextSources
{
    /// <summary>The source that a config describes.</summary>
    /// <param name="config">A generator or files.</param>
    /// <exception cref="UserException">A file is not there.</exception>
    public static TextSource Of(TextSourceConfig config) => config switch
    {
        GeneratedTextConfig { Generator: TextGeneratorKind.Stories } stories => new StorySource(stories.Seed, stories.Size.Bytes),
        TextFilesConfig files => new FileTextSource(files),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a source of text without a reader"),
    };

    /// <summary>Whether a source has more than one document.</summary>
    /// <param name="config">A generator or files.</param>
    /// <exception cref="UserException">A file is not there, or cannot be read.</exception>
    internal static bool HasSeveralDocuments(TextSourceConfig config) => config is not TextFilesConfig files || new FileTextSource(files).HasSeveralDocuments();

    /// <summary>Other files that are read as a config's own are, or as those are that its generator writes.</summary>
    /// <param name="config">A generator or files.</param>
    /// <param name="paths">The files.</param>
    public static TextFilesConfig WithFiles(TextSourceConfig config, params IReadOnlyList<string> paths) => config switch
    {
        TextFilesConfig files => files with { Files = paths },
        GeneratedTextConfig { Generator: TextGeneratorKind.Stories } => new TextFilesConfig { Files = paths, Separator = StoryGenerator.Separator },
        _ => new TextFilesConfig { Files = paths },
    };
}

/// <summary>Generated stories, one document each.</summary>
/// <param name="seed">Which collection of stories.</param>
/// <param name="bytes">How much; ends after the story with which this many UTF-8 bytes are reached.</param>
sealed class StorySource(ulong seed, long bytes) : TextSource
{
    public override string Description => $"generated stories, {bytes} bytes, seed {seed}";

    // Some of the stories themselves go into the hash, so that it changes when the generator does.
    public override string Fingerprint
    {
        get
        {
            var sample = Enumerable.Range(0, 64).Select(i => StoryGenerator.Story(seed, i));
            return Hash([$"stories {seed} {bytes}", .. sample]);
        }
    }

    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
        StoryGenerator.Generate(seed, bytes).Select(story => new TextPiece(Encoding.UTF8.GetBytes(story), true, "generated stories"));
}

/// <summary>Sentences as a text source, each a document: what a tokenizer of sentences is trained on.</summary>
sealed class SentenceSource(string description, IReadOnlyList<string> files, Func<IEnumerable<string>> read) : TextSource
{
    public override string Description => description;

    // Paths, lengths and times of the last change; of generated sentences the first few.
    public override string Fingerprint => files.Count > 0
        ? Hash(["sentences", description, .. files.Select(Stamp)])
        : Hash(["sentences", description, .. read().Take(64)]);

    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
        read().Select(sentence => new TextPiece(Encoding.UTF8.GetBytes(sentence), true, description));
}

/// <summary>Text from a stream that can be read only once, such as standard input: kept in a file, which goes when this is disposed of.</summary>
public sealed class StandardInputSource : TextSource, IDisposable
{
    readonly string file;
    readonly FileTextSource inner;

    /// <summary>Reads the stream to its end.</summary>
    /// <param name="input">The bytes; plain text, or JSON lines.</param>
    /// <param name="folder">Where the file is kept; made if it is not there.</param>
    /// <param name="jsonLines">Whether each line is a JSON object.</param>
    /// <param name="field">The field of a JSON line that holds the text.</param>
    /// <param name="separator">The line between two documents of plain text.</param>
    /// <param name="document">What a document of plain text is, without a separator.</param>
    /// <exception cref="UserException">An option is empty.</exception>
    public StandardInputSource(Stream input, string folder, bool jsonLines = false, string field = "text", string? separator = null, DocumentUnit document = DocumentUnit.File)
    {
        Directory.CreateDirectory(folder);
        file = Path.Combine(folder, $"standard-input-{Guid.NewGuid():n}{(jsonLines ? ".jsonl" : ".txt")}");
        try
        {
            using (var output = new FileStream(file, FileMode.CreateNew, FileAccess.ReadWrite))
            {
                input.CopyTo(output);
                output.Position = 0;
                Fingerprint = Hash("standard input", field, separator ?? "", jsonLines ? "lines" : document == DocumentUnit.Line ? "line" : "plain", Convert.ToHexStringLower(SHA256.HashData(output)));
            }
            inner = new FileTextSource(new TextFilesConfig { Files = [file], TextField = field, Separator = separator, Document = document });
        }
        catch
        {
            File.Delete(file);
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Description => "standard input";

    /// <inheritdoc/>
    public override string Fingerprint { get; }

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
        inner.Pieces(counts).Select(piece => piece with { Origin = Description });

    /// <summary>Removes the file.</summary>
    public void Dispose() => File.Delete(file);
}
