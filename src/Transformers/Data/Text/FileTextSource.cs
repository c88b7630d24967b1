using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Text in files and folders: plain text, or JSON lines (<c>.jsonl</c>, <c>.ndjson</c>), either compressed with gzip (<c>.gz</c>).</summary>
/// <remarks>
/// A folder means the text files in it and below it, in the order of their paths, byte by byte; folders that are links are not
/// followed. Text is UTF-8 and kept byte for byte (NUL and CR LF included) but for two things, which are counted: a
/// byte-order mark at the start is dropped, and each ill-formed sequence becomes U+FFFD.
/// </remarks>
public sealed class FileTextSource : TextSource
{
    static readonly string[] PlainKinds = [".txt", ".text", ".md"];
    static readonly string[] LineKinds = [".jsonl", ".ndjson"];

    readonly TextFilesConfig config;
    readonly List<string> files = [];
    readonly int skipped;

    /// <summary>Finds the files.</summary>
    /// <param name="config">Files and folders, at least one, and how they are read; a file that is named is read whatever it is called.</param>
    /// <exception cref="UserException">A path is not there, a folder holds no text file, or a setting is empty.</exception>
    public FileTextSource(TextFilesConfig config)
    {
        this.config = config;
        if (config.Separator is { } separator && (separator.Length is 0 or > 1000 || separator.AsSpan().ContainsAny('\n', '\r')))
            throw new UserException("the separator must be one line of 1 to 1,000 characters", "where each line is a document, leave it out and give document: line");
        if (config.Separator is not null && config.Document == DocumentUnit.Line) throw new UserException("a separator and lines as documents must not both be given", "keep one of them");
        if (config.TextField.Length == 0) throw new UserException("the name of the JSON field is empty");
        if (config.Files.Count == 0) throw new UserException("no file or folder of text was given");
        var problems = new List<Problem>();
        foreach (var path in config.Files)
        {
            if (File.Exists(path)) files.Add(path);
            else if (!Directory.Exists(path)) problems.Add(new("there is no such file or folder", path));
            else if (!AddFolder(path, ref skipped)) problems.Add(new($"the folder holds no text file ({string.Join(", ", [.. PlainKinds, .. LineKinds])}, or these with .gz)", path, Hint: "name a file to read it whatever it is called"));
        }
        if (problems.Count > 0) throw new UserException(problems);
    }

    /// <summary>The files, in the order in which they are read.</summary>
    public IReadOnlyList<string> Files => files;

    /// <inheritdoc/>
    public override string Description => files.Count == 1 ? files[0] : $"{files.Count} files, {files[0]} to {files[^1]}";

    /// <inheritdoc/>
    /// <remarks>Paths, lengths and times of the last change, and the options.</remarks>
    public override string Fingerprint => Hash(["files", config.TextField, config.Separator ?? "", .. config.Document == DocumentUnit.Line ? ["line"] : Array.Empty<string>(), .. files.Select(Stamp)]);

    /// <summary>Whether there is more than one document; reads no further than to the second, and no file that is one document.</summary>
    /// <exception cref="UserException">A file cannot be read.</exception>
    internal bool HasSeveralDocuments()
    {
        var found = 0;
        foreach (var file in files)
        {
            if (config is { Separator: null, Document: DocumentUnit.File } && !HasKind(file, LineKinds)) found += new FileInfo(file).Length > 0 ? 1 : 0;
            else found += DocumentsOf(file).Take(2).Count();
            if (found > 1) return true;
        }
        return false;
    }

    // An item for each document that holds text.
    IEnumerable<bool> DocumentsOf(string file)
    {
        var empty = true;
        foreach (var piece in PiecesOf(file, new TextCounts()))
        {
            empty &= piece.Utf8.IsEmpty;
            if (!piece.EndsDocument) continue;
            if (!empty) yield return true;
            empty = true;
        }
    }

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) => Pieces(counts);

    internal IEnumerable<TextPiece> Pieces(TextCounts counts)
    {
        counts.SkippedFiles += skipped;
        foreach (var file in files)
        {
            counts.Files++;
            var any = false;
            foreach (var piece in PiecesOf(file, counts))
            {
                any = true;
                yield return piece;
            }
            if (!any) counts.EmptyFiles++;
        }
    }

    IEnumerable<TextPiece> PiecesOf(string file, TextCounts counts)
    {
        using var stream = InputFile.Open(file);
        var reader = new Utf8Reader(stream, file, counts);
        var pieces = HasKind(file, LineKinds) ? new JsonLinesReader(reader, config.TextField, file, counts).Read()
            : config.Document == DocumentUnit.Line ? PlainTextReader.Lines(reader, file)
            : new PlainTextReader(reader, config.Separator, file).Read();
        foreach (var piece in pieces) yield return piece;
    }

    bool AddFolder(string folder, ref int skipped)
    {
        var found = false;
        var entries = new DirectoryInfo(folder).GetFileSystemInfos();
        Array.Sort(entries, (a, b) => string.CompareOrdinal(a.Name, b.Name));
        foreach (var entry in entries)
        {
            if (entry is DirectoryInfo inner)
            {
                if (inner.LinkTarget is null) found |= AddFolder(inner.FullName, ref skipped);
            }
            else if (HasKind(entry.Name, [.. PlainKinds, .. LineKinds]))
            {
                files.Add(entry.FullName);
                found = true;
            }
            else skipped++;
        }
        return found;
    }

    static bool HasKind(string name, string[] kinds)
    {
        if (name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)) name = name[..^3];
        return kinds.Any(kind => name.EndsWith(kind, StringComparison.OrdinalIgnoreCase));
    }
}
