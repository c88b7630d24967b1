using System.Globalization;
using System.Text;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>A table of image paths and labels: CSV, or TSV by its name; paths are relative to the table's folder.</summary>
/// <remarks>
/// With a header line, columns are found by name (path, file, filename or image; label, class, target or category;
/// split). Without one, the first column is the path, the second the label, the third, if any, the split.
/// </remarks>
public sealed class CsvSource : ImageSource
{
    static readonly string[] PathNames = ["path", "file", "filename", "image", "image_path"];
    static readonly string[] LabelNames = ["label", "class", "target", "category"];

    readonly List<string> paths = [];
    readonly List<string> names = [];
    readonly List<ImageSplit> splits = [];
    readonly int[] labels;
    readonly string[] classes;

    /// <summary>Reads the table; no image is opened.</summary>
    /// <exception cref="UserException">The table cannot be read or a line lacks a column; the message tells the line.</exception>
    public CsvSource(string table)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(table))!;
        var separator = Path.GetExtension(table).Equals(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        int pathColumn = 0, labelColumn = 1, splitColumn = 2;
        var rows = Rows(table, separator).GetEnumerator();
        var first = true;
        while (rows.MoveNext())
        {
            var (line, cells) = rows.Current;
            if (first && Column(cells, PathNames) is >= 0 and var namedPath)
            {
                (pathColumn, labelColumn, splitColumn) = (namedPath, Column(cells, LabelNames), Column(cells, ["split"]));
                first = false;
                if (labelColumn < 0) throw At(table, line, "the header has no column for labels", "call it label, class, target or category");
                continue;
            }
            first = false;
            if (cells.Count <= Math.Max(pathColumn, labelColumn))
                throw At(table, line, $"the line has {cells.Count} columns and needs a path and a label");
            if (cells[pathColumn].Length == 0 || cells[labelColumn].Length == 0) throw At(table, line, "the path or the label is empty");
            paths.Add(Path.Combine(folder, cells[pathColumn]));
            names.Add(cells[labelColumn]);
            splits.Add(splitColumn >= 0 && cells.Count > splitColumn ? Split(table, line, cells[splitColumn]) : ImageSplit.None);
        }
        if (paths.Count == 0) throw new UserException([new Problem("the table has no lines", table)]);
        var distinct = names.Distinct().ToArray();
        // Labels that are numbers are in the order of numbers: 2 before 10.
        classes = distinct.All(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? [.. distinct.OrderBy(n => int.Parse(n, CultureInfo.InvariantCulture)).ThenBy(n => n, StringComparer.Ordinal)]
            : [.. distinct.Order(StringComparer.Ordinal)];
        var number = classes.Index().ToDictionary(c => c.Item, c => c.Index);
        labels = [.. names.Select(n => number[n])];
    }

    static int Column(List<string> cells, string[] names) => cells.FindIndex(c => names.Contains(c.Trim().ToLowerInvariant()));

    static ImageSplit Split(string table, int line, string cell) =>
        cell.Length == 0 ? ImageSplit.None
        : ClassLayout.SplitNamed(cell) is not ImageSplit.None and var split ? split
        : throw At(table, line, $"the split \"{cell}\" is none of train, val and test");

    static UserException At(string table, int line, string message, string? hint = null) => new([new Problem(message, table, line, Hint: hint)]);

    // RFC 4180: cells may be quoted, a quote inside is doubled. Quoted line breaks have no place in paths and labels.
    static IEnumerable<(int Line, List<string> Cells)> Rows(string table, char separator)
    {
        StreamReader reader;
        try
        {
            reader = new StreamReader(table);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"the table {table} cannot be read: {exception.Message}", inner: exception);
        }
        using (reader)
            for (var number = 1; reader.ReadLine() is { } line; number++)
                if (line.Length > 0) yield return (number, Cells(table, number, line, separator));
    }

    static List<string> Cells(string table, int number, string line, char separator)
    {
        var cells = new List<string>();
        var cell = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') cell.Append(line[i++]);
            else if (line[i] == '"' && (quoted || cell.Length == 0)) quoted = !quoted;
            else if (line[i] == separator && !quoted)
            {
                cells.Add(cell.ToString());
                cell.Clear();
            }
            else cell.Append(line[i]);
        }
        if (quoted) throw At(table, number, "a quotation mark is not closed on its line");
        cells.Add(cell.ToString());
        return cells;
    }

    /// <inheritdoc/>
    public override string Kind => "table of paths and labels";
    /// <inheritdoc/>
    public override IReadOnlyList<string> Classes => classes;
    /// <inheritdoc/>
    public override int Count => paths.Count;
    /// <inheritdoc/>
    public override int LabelOf(int index) => labels[index];
    /// <inheritdoc/>
    public override ImageSplit SplitOf(int index) => splits[index];
    /// <inheritdoc/>
    public override string NameOf(int index) => paths[index];
    /// <inheritdoc/>
    public override byte[] ReadFile(int index, long maxBytes) => ImageFiles.ReadAll(paths[index], maxBytes);
}
