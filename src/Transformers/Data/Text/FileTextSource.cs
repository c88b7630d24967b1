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
            throw new UserException("the separator must be one line of 1 to 1,000 characters");
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
    public override string Fingerprint => Hash(["files", config.TextField, config.Separator ?? "", .. files.Select(Stamp)]);

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) => Pieces(counts);

    internal IEnumerable<TextPiece> Pieces(TextCounts counts)
    {
        counts.SkippedFiles += skipped;
        foreach (var file in files)
        {
            counts.Files++;
            var any = false;
            using var stream = InputFile.Open(file);
            var reader = new Utf8Reader(stream, file, counts);
            var pieces = HasKind(file, LineKinds) ? new JsonLinesReader(reader, config.TextField, file, counts).Read() : new PlainTextReader(reader, config.Separator, file).Read();
            foreach (var piece in pieces)
            {
                any = true;
                yield return piece;
            }
            if (!any) counts.EmptyFiles++;
        }
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
