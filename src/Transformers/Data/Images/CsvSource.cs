using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

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
        if (paths.Count == 0) throw new UserException([new Problem("the table has no lines", table)]);
        classes = ClassNames.Of(names);
        var number = classes.Index().ToDictionary(c => c.Item, c => c.Index);
        labels = [.. names.Select(n => number[n])];
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
