using System.Text.Unicode;
using Transformers.Configs;

namespace Transformers.Data.Text;

/// <summary>Text in files and folders: plain text, JSON lines (<c>.jsonl</c>, <c>.ndjson</c>) or a JSON array (<c>.json</c>), each plain or compressed with gzip (<c>.gz</c>).</summary>
/// <remarks>
/// A folder means the files in and below it whose content is text, or those that match <c>include</c>, in the byte order of their paths;
/// hidden files are skipped, and folders that are links are not followed. Text is UTF-8 and kept byte for byte (including NUL and
/// CR LF), with two exceptions, which are counted: a byte-order mark at the start is dropped, and each ill-formed sequence becomes U+FFFD.
/// </remarks>
public sealed class FileTextSource : TextSource
{
    static readonly string[] LineKinds = [".jsonl", ".ndjson"];
    const string ArrayKind = ".json";

    readonly TextFilesConfig config;
    readonly bool once;
    readonly List<string> files = [];
    readonly TextFolder folders;

    /// <summary>Finds the files.</summary>
    /// <param name="config">Files and folders, at least one, and how they are read; a file that is named directly is read regardless of its extension.</param>
    /// <param name="once">Whether it is read only once, for a report; pipes, and files that are hardly text, are then read too.</param>
    /// <exception cref="UserException">A path does not exist, a folder contains no text file, or a setting is empty.</exception>
    public FileTextSource(TextFilesConfig config, bool once = false)
    {
        (this.config, this.once) = (config, once);
        if (config.Separator is { } separator && (separator.Length is 0 or > 1000 || separator.AsSpan().ContainsAny('\n', '\r')))
            throw new UserException("the separator must be one line of 1 to 1,000 characters", "if each line is a document, leave it out and set document: line");
        if (config.Separator is not null && config.Document == DocumentUnit.Line) throw new UserException("a separator and document: line must not both be given", "keep one of them");
        if (config.TextField.Length == 0) throw new UserException("the name of the JSON field is empty");
        if (config.Files.Count == 0) throw new UserException("no file or folder of text was given");
        folders = new TextFolder(config.Include);
        var problems = new List<Problem>();
        foreach (var path in config.Files)
        {
            if (!once && SpecialFile.IsAt(path)) problems.Add(SpecialFile.Problem(path, "write it to a file first; data prepare --data - reads standard input"));
            else if (File.Exists(path)) files.Add(path);
            else if (!Directory.Exists(path)) problems.Add(new("the file or folder does not exist", path, Hint: Suggestion.ForPath(path)));
            else if (folders.Find(path) is { Count: > 0 } found) files.AddRange(found);
            else problems.Add(config.Include is { } patterns ? new($"no file in the folder matches {string.Join(", ", patterns)}", path, Path: "include", Hint: "**/*.cs, for example, matches in all folders below it")
                : new($"the folder contains no text file ({folders.Description})", path, Hint: "a file that is named directly is read whatever its extension"));
        }
        if (problems.Count > 0) throw new UserException(problems);
    }

    /// <summary>The files, in the order in which they are read.</summary>
    public IReadOnlyList<string> Files => files;

    /// <inheritdoc/>
    public override string Description => files.Count == 1 ? files[0] : $"{files.Count} files, {files[0]} to {files[^1]}";

    /// <inheritdoc/>
    /// <remarks>Paths, lengths and times of the last change, and the options.</remarks>
    public override string Fingerprint => Hash(["files", config.TextField, config.Separator ?? "", .. config.Document == DocumentUnit.Line ? ["line"] : Array.Empty<string>(), .. config.Include is null ? [] : new[] { "include" }, .. files.Select(Stamp)]);

    /// <summary>Whether there is more than one document; reads no further than the second, and skips files that are one document each.</summary>
    /// <exception cref="UserException">A file cannot be read.</exception>
    internal bool HasSeveralDocuments()
    {
        var found = 0;
        foreach (var file in files)
        {
            if (config is { Separator: null, Document: DocumentUnit.File } && !HasKind(file, LineKinds) && !HasKind(file, [ArrayKind])) found += new FileInfo(file).Length > 0 ? 1 : 0;
            else found += DocumentsOf(file).Take(2).Count();
            if (found > 1) return true;
        }
        return false;
    }

    // An item for each document that is not empty.
    IEnumerable<bool> DocumentsOf(string file)
    {
        var empty = true;
        using var stream = InputFile.Open(file);
        foreach (var piece in Pieces(stream, file, new TextCounts()))
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
        folders.AddTo(counts, files);
        foreach (var file in files)
        {
            counts.Files++;
            var any = false;
            using var stream = InputFile.Open(file);
            var check = once ? null : new IllFormedCheck(file, counts);
            foreach (var piece in Pieces(stream, file, counts))
            {
                any = true;
                check?.Add(piece.Utf8.Span);
                yield return piece;
            }
            check?.End();
            if (!any) counts.EmptyFiles++;
        }
    }

    IEnumerable<TextPiece> Pieces(Stream stream, string file, TextCounts counts)
    {
        if (HasKind(file, LineKinds)) return new JsonLinesReader(new Utf8Reader(stream, file, counts), config.TextField, file, counts).Read();
        if (HasKind(file, [ArrayKind]) && !SpecialFile.IsAt(file))
        {
            if (JsonArray.IsAt(file, config.TextField)) return JsonArray.Read(stream, config.TextField, file);
            counts.JsonFiles++;
        }
        var reader = new Utf8Reader(stream, file, counts);
        return config.Document == DocumentUnit.Line ? PlainTextReader.Lines(reader, file) : new PlainTextReader(reader, config.Separator, file).Read();
    }

    /// <summary>Counts what is in the first mebibyte of a file of plain text.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserException">It cannot be read, or is hardly text.</exception>
    public static TextCounts CheckStart(string path)
    {
        var counts = new TextCounts();
        using var stream = InputFile.OpenAgain(path);
        var check = new IllFormedCheck(path, counts);
        foreach (var piece in new PlainTextReader(new Utf8Reader(stream, path, counts), null, path).Read())
        {
            counts.Characters += check.Add(piece.Utf8.Span);
            if (counts.Characters >= IllFormedCheck.Early) break;
        }
        check.End();
        return counts;
    }

    static bool HasKind(string name, string[] kinds) => kinds.Any(kind => TextLines.Plain(name).EndsWith(kind, StringComparison.OrdinalIgnoreCase));
}

/// <summary>Finds the text files of folders.</summary>
/// <param name="include">Patterns of the files that are read; null for those whose content is text.</param>
sealed class TextFolder(IReadOnlyList<string>? include)
{
    // These may look like text, but are not.
    static readonly string[] OtherKinds =
        [".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg", ".pdf", ".ps", ".zip", ".tar", ".npy", ".npz", ".pt", ".bin", ".safetensors", ".parquet", ".arrow", ".wav", ".mp3", ".mp4"];
    const int SampleBytes = 8192;

    readonly Regex? pattern = include is null ? null : new Regex(string.Join('|', include.Select(ToRegex)), RegexOptions.CultureInvariant);
    readonly SortedDictionary<string, int> skipped = new(StringComparer.Ordinal);
    int hidden;

    /// <summary>What was skipped, by extension.</summary>
    internal string Description => skipped.Count == 0 ? "it is empty" : $"skipped: {List(skipped)}";

    /// <summary>The text files in a folder and below it, in order.</summary>
    internal List<string> Find(string folder)
    {
        var found = new List<string>();
        Find(folder, "", found);
        return found;
    }

    void Find(string folder, string below, List<string> found)
    {
        var entries = new DirectoryInfo(folder).GetFileSystemInfos();
        Array.Sort(entries, (a, b) => string.CompareOrdinal(a.Name, b.Name));
        foreach (var entry in entries)
        {
            var name = below + entry.Name;
            // Checkpoints of notebooks, version control, and the files that macOS puts beside every file.
            if (entry.Name[0] == '.')
            {
                if (entry is FileInfo) hidden++;
            }
            else if (entry is DirectoryInfo inner)
            {
                if (inner.LinkTarget is null) Find(inner.FullName, name + "/", found);
            }
            else if (pattern is not null ? pattern.IsMatch(name) && !SpecialFile.IsAt(entry.FullName) : IsText(entry.FullName)) found.Add(entry.FullName);
            else skipped[ClassFolders.EndingOf(name)] = skipped.GetValueOrDefault(ClassFolders.EndingOf(name)) + 1;
        }
    }

    /// <summary>Counts what was skipped.</summary>
    internal void AddTo(TextCounts counts, IReadOnlyList<string> files)
    {
        (counts.SkippedFiles, counts.HiddenFiles) = (counts.SkippedFiles + skipped.Values.Sum(), counts.HiddenFiles + hidden);
        var read = new SortedDictionary<string, int>(files.CountBy(ClassFolders.EndingOf).ToDictionary(), StringComparer.Ordinal);
        if (skipped.Count > 0 || read.Count > 1) counts.Endings = $"read: {List(read)}{(skipped.Count > 0 ? $"; skipped: {List(skipped)}" : "")}";
    }

    // The first bytes are UTF-8 without control characters; a character may be cut at their end.
    static bool IsText(string path)
    {
        var ending = TextLines.EndingOf(path);
        if (OtherKinds.Contains(ending) || SpecialFile.IsAt(path)) return false;
        if (PlainKinds.Contains(ending)) return true;
        var bytes = new byte[SampleBytes];
        try
        {
            using var stream = InputFile.Open(path);
            bytes = bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (Exception exception) when (InputFile.IsUnreadable(exception) || exception is UserException)
        {
            // Reading a file that may not be opened says so; it must not count as something other than text.
            return exception.InnerException is UnauthorizedAccessException;
        }
        if (bytes.AsSpan().ContainsAnyInRange<byte>(0, 8) || bytes.AsSpan().ContainsAnyInRange<byte>(14, 26)) return false;
        for (var cut = 0; cut <= (bytes.Length == SampleBytes ? 3 : 0); cut++)
            if (Utf8.IsValid(bytes.AsSpan(0, bytes.Length - cut))) return true;
        return false;
    }

    static readonly string[] PlainKinds = [".txt", ".text", ".md", ".jsonl", ".ndjson"];

    static string List(SortedDictionary<string, int> endings) =>
        string.Join(", ", endings.OrderByDescending(ending => ending.Value).Take(8).Select(ending => $"{ending.Value} {ending.Key}")) + (endings.Count > 8 ? ", …" : "");

    // ** means any folders, * for any part of a name, ? for a character; a pattern without a slash is about names in any folder.
    static string ToRegex(string glob)
    {
        var text = Regex.Escape(glob.Contains('/') ? glob : "**/" + glob);
        return "^" + text.Replace(@"\*\*/", "(.*/)?").Replace(@"\*\*", ".*").Replace(@"\*", "[^/]*").Replace(@"\?", "[^/]") + @"\z";
    }
}
