using System.Globalization;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>How files are read.</summary>
/// <param name="Field">The field of a JSON line that holds the document.</param>
/// <param name="Separator">The line that stands between two documents of a plain-text file; without one, a file is a document.</param>
public sealed record TextFileOptions(string Field = "text", string? Separator = null);

/// <summary>Text in files and folders: plain text, or JSON lines (<c>.jsonl</c>, <c>.ndjson</c>), either compressed with gzip (<c>.gz</c>).</summary>
/// <remarks>
/// A folder stands for the text files in it and below it, in the order of their paths, byte by byte; folders that are links are not
/// followed. Text is UTF-8 and kept byte for byte (NUL and CR LF included) but for two things, which are counted: a
/// byte-order mark at the start is dropped, and each ill-formed sequence becomes U+FFFD.
/// </remarks>
public sealed class FileTextSource : TextSource
{
    static readonly string[] PlainKinds = [".txt", ".text", ".md"];
    static readonly string[] LineKinds = [".jsonl", ".ndjson"];

    readonly TextFileOptions options;
    readonly List<string> files = [];
    readonly int skipped;

    /// <summary>Finds the files.</summary>
    /// <param name="paths">Files and folders, at least one; a file that is named is read whatever it is called.</param>
    /// <param name="options">How they are read.</param>
    /// <exception cref="UserException">A path is not there, a folder holds no text file, or an option is empty.</exception>
    public FileTextSource(IReadOnlyList<string> paths, TextFileOptions? options = null)
    {
        this.options = options ?? new();
        if (this.options.Separator is { } separator && (separator.Length is 0 or > 1000 || separator.AsSpan().ContainsAny('\n', '\r')))
            throw new UserException("the separator must be one line of 1 to 1,000 characters");
        if (this.options.Field.Length == 0) throw new UserException("the name of the JSON field is empty");
        if (paths.Count == 0) throw new UserException("no file or folder of text was given");
        var problems = new List<Problem>();
        foreach (var path in paths)
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
    public override string Fingerprint => Hash(["files", options.Field, options.Separator ?? "", .. files.Select(Stamp)]);

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) => Pieces(counts);

    internal IEnumerable<TextPiece> Pieces(TextCounts counts)
    {
        counts.SkippedFiles += skipped;
        foreach (var file in files)
        {
            counts.Files++;
            var any = false;
            using var pieces = Open(file, counts).GetEnumerator();
            while (Guard(file, pieces))
            {
                any = true;
                yield return pieces.Current;
            }
            if (!any) counts.EmptyFiles++;
        }
    }

    IEnumerable<TextPiece> Open(string file, TextCounts counts)
    {
        using var raw = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        var compressed = file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        using Stream stream = compressed ? new GzipReader(raw) : raw;
        var reader = new Utf8Reader(stream, file, counts);
        var lines = HasKind(compressed ? file[..^3] : file, LineKinds);
        foreach (var piece in lines ? new JsonLinesReader(reader, options.Field, file, counts).Read() : new PlainTextReader(reader, options.Separator, file).Read())
            yield return piece;
    }

    // What the disk and the decompressor say becomes a message about the file.
    static bool Guard(string file, IEnumerator<TextPiece> pieces)
    {
        try
        {
            return pieces.MoveNext();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new UserException([new Problem($"cannot be read: {exception.Message}", file)], exception);
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
            else if (HasKind(entry.Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? entry.Name[..^3] : entry.Name, [.. PlainKinds, .. LineKinds]))
            {
                files.Add(entry.FullName);
                found = true;
            }
            else skipped++;
        }
        return found;
    }

    static bool HasKind(string name, string[] kinds) => kinds.Any(kind => name.EndsWith(kind, StringComparison.OrdinalIgnoreCase));

    static string Stamp(string file)
    {
        var info = new FileInfo(file);
        if (!info.Exists) throw new UserException([new Problem("there is no such file any more", file)]);
        return string.Create(CultureInfo.InvariantCulture, $"{info.FullName}|{info.Length}|{info.LastWriteTimeUtc.Ticks}");
    }
}
