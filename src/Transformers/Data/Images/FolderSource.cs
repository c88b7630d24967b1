using System.Formats.Tar;
using Microsoft.Win32.SafeHandles;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>Image files in one folder per class, optionally below <c>train/</c> and <c>test/</c>.</summary>
sealed class FolderSource : ImageSource
{
    readonly string root;
    readonly string[] paths;
    readonly ClassFolders files;
    readonly ClassLayout layout;

    public FolderSource(string folder)
    {
        (root, files) = (folder, new ClassFolders(folder, ImageFiles.HasImageName, "images"));
        layout = ClassLayout.Of(files.Found, folder);
        paths = [.. layout.Order.Select(i => files.Found[i])];
    }

    public override IReadOnlyList<string> Warnings => files.Warnings;

    public override string Kind => "class folders";
    public override IReadOnlyList<string> Classes => layout.Classes;
    public override int Count => paths.Length;
    public override int IgnoredFiles => files.Ignored;
    public override int LabelOf(int index) => layout.Labels[index];
    public override ImageSplit SplitOf(int index) => layout.Splits[index];
    public override string NameOf(int index) => Path.Combine(root, paths[index]);
    public override byte[] ReadFile(int index, long maxBytes) => ImageFiles.ReadAll(NameOf(index), maxBytes);
}

/// <summary>Image files inside an uncompressed tar archive, laid out as for <see cref="FolderSource"/>; read in place, never unpacked.</summary>
sealed class TarSource : ImageSource
{
    readonly string path;
    readonly SafeFileHandle file;
    readonly Entry[] entries;
    readonly ClassLayout layout;
    readonly int ignored;

    public TarSource(string path)
    {
        this.path = path;
        try
        {
            file = File.OpenHandle(path);
            var all = ReadEntries(path);
            // macOS puts a "._name" beside every file.
            var images = all.Where(e => ImageFiles.HasImageName(e.Name) && !Path.GetFileName(e.Name).StartsWith('.')).ToList();
            ignored = all.Count - images.Count;
            layout = ClassLayout.Of([.. images.Select(e => e.Name.StartsWith("./", StringComparison.Ordinal) ? e.Name[2..] : e.Name)], path);
            entries = [.. layout.Order.Select(i => images[i])];
        }
        catch (Exception exception)
        {
            file?.Dispose();
            if (exception is IOException or UnauthorizedAccessException)
                throw new UserException([new Problem($"the archive cannot be read: {InputFile.ReasonOf(exception)}", path)], exception);
            throw;
        }
    }

    static List<Entry> ReadEntries(string path)
    {
        var entries = new List<Entry>();
        using var archive = File.OpenRead(path);
        using var reader = new TarReader(archive);
        try
        {
            while (reader.GetNextEntry() is { } entry)
            {
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) continue;
                if (entry.Length > archive.Length - Math.Max(0, entry.DataOffset)) throw new EndOfStreamException();
                if (entry.DataOffset > 0 && !ChecksumHolds(archive.SafeFileHandle, entry)) throw new InvalidDataException("a header's checksum does not match");
                entries.Add(new Entry(entry.Name, entry.DataOffset, entry.Length));
            }
            return entries;
        }
        catch (EndOfStreamException exception)
        {
            throw new UserException([new Problem("the tar archive ends inside a file", path)], exception);
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException or FormatException or ArgumentException or OverflowException)
        {
            throw new UserException([entries.Count == 0 ? new Problem("the file is not a tar archive", path, Hint: "unpack a compressed one (.tar.gz) first")
                : new Problem($"the tar archive is damaged after {MessageText.Quote(entries[^1].Name)}: {exception.Message}", path)], exception);
        }
    }

    // .NET's reader does not verify the checksum, for which the checksum's own eight bytes count as spaces.
    static bool ChecksumHolds(SafeFileHandle file, TarEntry entry)
    {
        Span<byte> header = stackalloc byte[512];
        if (RandomAccess.Read(file, header, entry.DataOffset - header.Length) < header.Length) return false;
        header.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var b in header) sum += b;
        return sum == entry.Checksum;
    }

    readonly record struct Entry(string Name, long Offset, long Size);

    public override IReadOnlyList<string> Warnings => ignored > 0 ? [$"{Amount.Of(ignored, "file")} in the archive skipped, not named like images"] : [];

    public override string Kind => "tar archive";
    public override IReadOnlyList<string> Classes => layout.Classes;
    public override int Count => entries.Length;
    public override int IgnoredFiles => ignored;
    public override int LabelOf(int index) => layout.Labels[index];
    public override ImageSplit SplitOf(int index) => layout.Splits[index];
    public override string NameOf(int index) => $"{path}:{entries[index].Name}";

    public override byte[] ReadFile(int index, long maxBytes)
    {
        var entry = entries[index];
        if (entry.Size > maxBytes)
            throw new ImageException(ImageFault.TooLarge, $"the file has {entry.Size} bytes, but the limit is {maxBytes}", NameOf(index));
        try
        {
            var bytes = new byte[entry.Size];
            for (int read, done = 0; done < bytes.Length; done += read)
                if ((read = RandomAccess.Read(file, bytes.AsSpan(done), entry.Offset + done)) == 0) throw new EndOfStreamException("the file shrank while it was read");
            return bytes;
        }
        catch (IOException exception)
        {
            throw new ImageException(ImageFault.Unreadable, $"the file cannot be read: {InputFile.ReasonOf(exception)}", NameOf(index), exception);
        }
    }

    public override void Dispose()
    {
        file.Dispose();
        base.Dispose();
    }
}

/// <summary>A table of image paths and labels: CSV, or TSV by its extension; paths are relative to the table's folder.</summary>
/// <remarks>
/// With a header line, columns are found by name (path, file, filename or image; label, class, target or category;
/// split). Without one, the first column is the path, the second the label, the third, if any, the split.
/// </remarks>
sealed class CsvSource : ImageSource
{
    static readonly string[] PathNames = ["path", "file", "filename", "image", "image_path"];
    static readonly string[] LabelNames = ["label", "class", "target", "category"];

    readonly List<string> paths = [];
    readonly List<string> names = [];
    readonly List<ImageSplit> splits = [];
    readonly int[] labels;
    readonly IReadOnlyList<string> classes;

    public CsvSource(string table)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(table))!;
        var separator = Path.GetExtension(table).Equals(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        int pathColumn = 0, labelColumn = 1, splitColumn = 2;
        var (first, columns) = (true, 0);
        foreach (var (line, cells) in CommaSeparated.Read(table, separator))
        {
            if (columns == 0) columns = cells.Length;
            if (cells.Length > columns) throw TableLines.TooMany(table, line, cells.Length, columns);
            if (first && Column(cells, PathNames) is >= 0 and var namedPath)
            {
                (pathColumn, labelColumn, splitColumn) = (namedPath, Column(cells, LabelNames), Column(cells, ["split"]));
                first = false;
                if (labelColumn < 0) throw TextLines.Error(table, line, "the header has no column for labels", "call it label, class, target or category");
                continue;
            }
            if (first && cells.Length > labelColumn && Column([cells[labelColumn]], LabelNames) == 0)
                throw TextLines.Error(table, line, $"the first line names the columns ({string.Join(", ", cells)}), but none contains the paths", "call it path, file, filename, image or image_path");
            first = false;
            if (cells.Length <= Math.Max(pathColumn, labelColumn))
                throw TextLines.Error(table, line, $"the line has {Amount.Of(cells.Length, "column")}, but needs a path and a label", CommaSeparated.Separators(cells));
            if (cells[pathColumn].Length == 0 || cells[labelColumn].Length == 0) throw TextLines.Error(table, line, "the path or the label is empty");
            paths.Add(Path.Combine(folder, cells[pathColumn]));
            names.Add(cells[labelColumn]);
            splits.Add(splitColumn >= 0 && cells.Length > splitColumn ? Split(table, line, cells[splitColumn]) : ImageSplit.None);
        }
        if (paths.Count == 0) throw new UserException([new Problem("the table names no images", table, Hint: "each line is a path and a label")]);
        classes = ClassNames.Of(names);
        var number = classes.Index().ToDictionary(c => c.Item, c => c.Index);
        labels = [.. names.Select(n => number[n])];
    }

    /// <summary>Whether a file is such a table, which the path on its first line after the header shows.</summary>
    internal static bool IsAt(string path)
    {
        if (!File.Exists(path) || SpecialFile.IsAt(path) || Path.GetExtension(path).ToLowerInvariant() is not (".csv" or ".tsv")) return false;
        try
        {
            List<string[]> rows = [.. CommaSeparated.Read(path, CommaSeparated.SeparatorOf(path)).Take(2).Select(record => record.Fields)];
            var column = rows.Count == 0 ? -1 : Column(rows[0], PathNames);
            return rows.Count > 0 && rows[^1] is { Length: > 1 } row && Math.Max(column, 0) < row.Length && ImageFiles.HasImageName(row[Math.Max(column, 0)]);
        }
        catch (UserException)
        {
            return false;
        }
    }

    static int Column(string[] cells, string[] names) => Array.FindIndex(cells, c => names.Contains(c.Trim().ToLowerInvariant()));

    static ImageSplit Split(string table, int line, string cell) =>
        cell.Length == 0 ? ImageSplit.None
        : ClassLayout.SplitNamed(cell) is not ImageSplit.None and var split ? split
        : throw TextLines.Error(table, line, $"the split \"{cell}\" is not train, val or test");

    public override string Kind => "table of paths and labels";
    public override IReadOnlyList<string> Classes => classes;
    public override int Count => paths.Count;
    public override int LabelOf(int index) => labels[index];
    public override ImageSplit SplitOf(int index) => splits[index];
    public override string NameOf(int index) => paths[index];
    public override byte[] ReadFile(int index, long maxBytes) => ImageFiles.ReadAll(paths[index], maxBytes);
}
