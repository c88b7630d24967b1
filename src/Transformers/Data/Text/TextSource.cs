using Transformers.Generators.Stories;

namespace Transformers.Data.Text;

/// <summary>Where text comes from: a stream of documents that can be read again from the start, never held in memory.</summary>
public abstract class TextSource
{
    /// <summary>A name for messages: paths, or a generator and its settings.</summary>
    public abstract string Description { get; }

    /// <summary>A hash, as lower-case hexadecimal SHA-256, that changes whenever the documents would; computed without reading them.</summary>
    /// <exception cref="UserException">A file does not exist.</exception>
    public abstract string Fingerprint { get; }

    /// <summary>Reads all documents in their order; the pieces of a document follow each other, and the last one says that it is the last.</summary>
    /// <param name="counts">Counts what is read, while it is read.</param>
    /// <exception cref="UserException">A file cannot be read, or is not what its name says.</exception>
    public IEnumerable<TextPiece> Read(TextCounts counts)
    {
        var empty = true;
        foreach (var piece in ReadPieces(counts))
        {
            if (piece.EndsDocument && piece.Utf8.IsEmpty && empty)
            {
                counts.EmptyDocuments++;
                continue;
            }
            counts.Bytes += piece.Utf8.Length;
            counts.Characters += Utf8Reader.Characters(piece.Utf8.Span);
            if (piece.EndsDocument) counts.Documents++;
            empty = piece.EndsDocument;
            yield return piece;
        }
    }

    /// <summary>Reads all documents as strings: for tests and for sources whose documents are known to be small.</summary>
    /// <exception cref="UserException">A file cannot be read, or is not what its name says.</exception>
    public IEnumerable<string> ReadDocuments()
    {
        var document = new StringBuilder();
        foreach (var piece in Read(new TextCounts()))
        {
            document.Append(Encoding.UTF8.GetString(piece.Utf8.Span));
            if (!piece.EndsDocument) continue;
            yield return document.ToString();
            document.Clear();
        }
    }

    /// <summary>Reads the pieces; an empty document is a single piece of no bytes that ends it.</summary>
    /// <param name="counts">Where to count what only the reader sees.</param>
    protected abstract IEnumerable<TextPiece> ReadPieces(TextCounts counts);

    // Path, length and time of the last change.
    private protected static string Stamp(string file)
    {
        var info = new FileInfo(file);
        if (!info.Exists) throw new UserException([new Problem("the file no longer exists", file)]);
        return string.Create(CultureInfo.InvariantCulture, $"{info.FullName}|{info.Length}|{info.LastWriteTimeUtc.Ticks}");
    }

    private protected static string Hash(params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            // The length first, so that no two lists run together to the same bytes.
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>A piece of a document: well-formed UTF-8 that starts and ends between characters.</summary>
/// <param name="Utf8">The text; at most about <see cref="PieceCutter.PieceBytes"/> bytes, so that a document of any length passes in little memory.</param>
/// <param name="EndsDocument">Whether the document ends here.</param>
/// <param name="Origin">Where the text comes from, for messages: a file, or what generated it.</param>
public readonly record struct TextPiece(ReadOnlyMemory<byte> Utf8, bool EndsDocument, string Origin);

/// <summary>What was read from a source; everything that is changed or dropped is counted.</summary>
public sealed record TextCounts
{
    /// <summary>Files read.</summary>
    public int Files { get; set; }
    /// <summary>Files of length 0, or of nothing but a byte-order mark; they contain no document.</summary>
    public int EmptyFiles { get; set; }
    /// <summary>Files in the given folders that are not text.</summary>
    public int SkippedFiles { get; set; }
    /// <summary>Files in the given folders whose names start with a dot; they are skipped.</summary>
    public int HiddenFiles { get; set; }
    /// <summary>JSON files that are neither lines nor an array of objects with the text's field; they are read as plain text.</summary>
    public int JsonFiles { get; set; }
    /// <summary>The extensions of the files that were read, and of those that were skipped, with their counts.</summary>
    public string? Endings { get; set; }
    /// <summary>Documents, each of at least one character.</summary>
    public long Documents { get; set; }
    /// <summary>Documents without a character (two separators in a row, an empty JSON string); they are left out.</summary>
    public long EmptyDocuments { get; set; }
    /// <summary>Length of all documents in bytes of UTF-8.</summary>
    public long Bytes { get; set; }
    /// <summary>Length of all documents in characters (Unicode scalar values).</summary>
    public long Characters { get; set; }
    /// <summary>Ill-formed sequences, each replaced with one U+FFFD.</summary>
    public long InvalidSequences { get; set; }
    /// <summary>Files that ended inside a character; counted among <see cref="InvalidSequences"/> too.</summary>
    public int TruncatedFiles { get; set; }
    /// <summary>Byte-order marks at the start of a file, removed.</summary>
    public int ByteOrderMarks { get; set; }
    /// <summary>NUL characters, kept.</summary>
    public long Nuls { get; set; }
    /// <summary>Lines that end with CR LF, kept as they are.</summary>
    public long CarriageReturns { get; set; }
    /// <summary>Length of the longest line in bytes.</summary>
    public long LongestLine { get; set; }
}

/// <summary>What a user should know about a text before training on it; the same for inspection, preparation and training.</summary>
public static class TextNotes
{
    /// <summary>The notes, each with whether it is a warning.</summary>
    /// <param name="counts">What was read.</param>
    public static IEnumerable<(string Text, bool IsWarning)> Of(TextCounts counts)
    {
        (long Count, string What, string Fate, bool IsWarning)[] notes =
        [
            (counts.InvalidSequences, "ill-formed UTF-8 sequence", $" replaced with U+FFFD{Rate(counts)}; if the text has another encoding, convert it with iconv", true),
            (counts.TruncatedFiles, "file", counts.TruncatedFiles == 1 ? " that ends in the middle of a character" : " that end in the middle of a character", true),
            (counts.SkippedFiles, "file", $" skipped because {(counts.SkippedFiles == 1 ? "it is" : "they are")} not text ({counts.Endings})", true),
            (counts.HiddenFiles, "hidden file", " skipped", false),
            (counts.JsonFiles, "JSON file", $" read as plain text, since {(counts.JsonFiles == 1 ? "it is" : "they are")} neither .jsonl nor an array of objects with the text's field", true),
            (counts.EmptyFiles, "empty file", "", false),
            (counts.EmptyDocuments, "empty document", " left out", false),
            (counts.ByteOrderMarks, "byte-order mark", " dropped", false),
            (counts.Nuls, "NUL character", " kept", true),
            (counts.CarriageReturns, "CR LF line end", " kept", false),
        ];
        if (counts.SkippedFiles == 0 && counts.Endings is { } endings) yield return (endings, false);
        foreach (var (count, what, fate, isWarning) in notes)
            if (count > 0) yield return (Amount.Of(count, what) + fate, isWarning);
    }

    static string Rate(TextCounts counts) => FormattableString.Invariant($" ({100.0 * counts.InvalidSequences / Math.Max(1, counts.Characters):0.##} % of the characters)");
}

/// <summary>Opens the text that a config names.</summary>
public static class TextSources
{
    /// <summary>The source that a config describes.</summary>
    /// <param name="config">A generator or files.</param>
    /// <exception cref="UserException">A file does not exist.</exception>
    public static TextSource Of(TextSourceConfig config) => config switch
    {
        GeneratedTextConfig { Generator: TextGeneratorKind.Stories } stories => new StorySource(stories.Seed, stories.Size.Bytes),
        TextFilesConfig files => new FileTextSource(files),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a source of text without a reader"),
    };

    /// <summary>Whether a source has more than one document.</summary>
    /// <param name="config">A generator or files.</param>
    /// <exception cref="UserException">A file does not exist, or cannot be read.</exception>
    internal static bool HasSeveralDocuments(TextSourceConfig config) => config is not TextFilesConfig files || new FileTextSource(files).HasSeveralDocuments();

    /// <summary>Other files, read like a config's own, or like those that its generator writes.</summary>
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
/// <param name="bytes">The size in UTF-8 bytes; the text ends with the story that reaches it.</param>
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

/// <summary>Text from a stream that can be read only once, such as standard input: kept in a file, which is deleted on disposal.</summary>
public sealed class StandardInputSource : TextSource, IDisposable
{
    readonly string file;
    readonly FileTextSource inner;

    /// <summary>Reads the stream to its end.</summary>
    /// <param name="input">The bytes; plain text, or JSON lines.</param>
    /// <param name="folder">Where the file is kept; created if it does not exist.</param>
    /// <param name="jsonLines">Whether each line is a JSON object.</param>
    /// <param name="field">The field of a JSON line that contains the text.</param>
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

/// <summary>The one rule for text that is not UTF-8, in tables of texts as in running text: each ill-formed sequence becomes U+FFFD and is
/// counted and reported, and a file that is hardly text is refused.</summary>
static class IllFormedText
{
    /// <summary>The warnings about tables of texts: a line per file and problem, which names the first line that has it.</summary>
    /// <param name="files">The files, which are read to their ends.</param>
    /// <param name="refuse">Whether a file that is hardly text is refused, rather than reported on.</param>
    /// <exception cref="UserException">A file cannot be read, or is hardly text.</exception>
    internal static IEnumerable<string> Warnings(IEnumerable<string> files, bool refuse = true)
    {
        foreach (var file in files.Distinct())
        {
            var counts = new TextCounts();
            using var stream = InputFile.OpenAgain(file);
            var reader = new Utf8Reader(stream, file, counts);
            var check = new IllFormedCheck(file, counts);
            for (ReadOnlyMemory<byte> block; !(block = reader.Next()).IsEmpty;) counts.Characters += refuse ? check.Add(block.Span) : Utf8Reader.Characters(block.Span);
            if (refuse) check.End();
            foreach (var (note, isWarning) in TextNotes.Of(counts))
                if (isWarning) yield return $"{file}{(reader.FirstIllFormed > 0 ? $":{reader.FirstIllFormed}" : "")}: {note}";
        }
    }
}
