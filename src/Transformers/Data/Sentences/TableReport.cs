using Transformers.Data.Text;

namespace Transformers.Data.Sentences;

/// <summary>A column of a table of texts.</summary>
/// <param name="Name">Its number from 0, or the extension of its file.</param>
/// <param name="Shortest">Characters of the shortest text.</param>
/// <param name="Longest">Characters of the longest.</param>
/// <param name="Mean">The mean number of characters.</param>
/// <param name="Empty">Texts that are empty.</param>
/// <param name="Distinct">Different texts; at most <see cref="TableReport.MostDistinct"/> are counted.</param>
/// <param name="Values">Each text and how often it occurs, if there are so few that they are labels; otherwise null.</param>
public sealed record TableColumn(string Name, int Shortest, int Longest, double Mean, long Empty, int Distinct, IReadOnlyDictionary<string, int>? Values);

/// <summary>A split of a table of texts.</summary>
/// <param name="Name">The name of its file without extension.</param>
/// <param name="Files">Its file, or its two aligned files.</param>
/// <param name="Rows">The number of lines.</param>
/// <param name="Uneven">Lines with a different number of columns from the first.</param>
/// <param name="FirstUneven">The number of the first such line, from 1, or null.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="Warning">What a user should know before training on it; null for nothing.</param>
/// <param name="Repeated">Lines that are also in the training split; null for that split itself.</param>
/// <param name="FirstRepeated">The number of the first such line, from 1, or null.</param>
public sealed record TableSplit(string Name, IReadOnlyList<string> Files, long Rows, long Uneven, long? FirstUneven, IReadOnlyList<TableColumn> Columns, string? Warning = null, long? Repeated = null, long? FirstRepeated = null);

/// <summary>A report on sentence pairs and labelled texts: tab- or comma-separated tables, and two aligned files per split.</summary>
/// <param name="Source">The file or the folder.</param>
/// <param name="Splits">Its splits.</param>
public sealed record TableReport(string Source, IReadOnlyList<TableSplit> Splits)
{
    /// <summary>The maximum number of distinct texts that are counted.</summary>
    public const int MostDistinct = 1_000_000;

    const int MostLabels = 100, MostKnown = 20_000_000;
    static readonly string[] Tables = [".tsv", ".csv"];
    static readonly string[] NotLanguages = [".txt", ".text", ".md", ".jsonl", ".json", ".yaml", ".yml", ".bin", ".html", ".parquet", ""];

    /// <summary>Reports on a table, which is a <c>.tsv</c> or <c>.csv</c>, or a folder with such splits or with aligned files; null if the path is something else.</summary>
    /// <exception cref="UserException">Aligned files differ in length, or something cannot be read.</exception>
    public static TableReport? Of(string path)
    {
        if (File.Exists(path)) return Tables.Contains(TextLines.EndingOf(path)) ? new(path, [Read([path], null)]) : null;
        if (!Directory.Exists(path)) return null;
        var splits = Directory.GetFiles(path).Order(StringComparer.Ordinal)
            .Where(file => ParallelFolder.IsSplit(TextLines.NameOf(file)) && (Tables.Contains(TextLines.EndingOf(file)) || !NotLanguages.Contains(TextLines.EndingOf(file))))
            .GroupBy(file => (TextLines.NameOf(file), Table: Tables.Contains(TextLines.EndingOf(file)) ? file : null))
            .Where(files => files.Key.Table is not null || files.Count() == 2)
            .Select(files => files.ToArray()).ToList();
        if (splits.Find(files => TextLines.NameOf(files[0]) == "train") is not { } train) return null;
        // Hashes, so that the memory does not grow with the length of the lines.
        var known = Rows(train).Take(MostKnown).Select(row => HashOf(row.Fields)).ToHashSet();
        return new(path, [.. splits.Select(files => Read(files, files == train ? null : known))]);
    }

    static ulong HashOf(string[] fields) => ContentHash.Of(string.Join('\0', fields));

    static TableSplit Read(string[] files, HashSet<ulong>? known)
    {
        var columns = new List<Column>();
        long rows = 0, uneven = 0, repeated = 0;
        long? first = null, firstRepeated = null;
        var separators = new Separators(files);
        foreach (var (line, fields) in Rows(files))
        {
            rows++;
            separators.Add(fields);
            if (columns.Count == 0) columns.AddRange(fields.Select((_, index) => new Column(files.Length == 2 ? TextLines.EndingOf(files[index])[1..] : $"{index}")));
            if (fields.Length != columns.Count)
            {
                uneven++;
                first ??= line;
            }
            if (known?.Contains(HashOf(fields)) == true)
            {
                repeated++;
                firstRepeated ??= line;
            }
            for (var i = 0; i < Math.Min(fields.Length, columns.Count); i++) columns[i].Add(fields[i]);
        }
        string?[] warnings = [columns.Count == 1 || uneven > 0 ? separators.Warning : null, .. IllFormedText.Warnings(files, refuse: false)];
        return new(TextLines.NameOf(files[0]), files, rows, uneven, first, [.. columns.Select(column => column.Report())], string.Join("; ", warnings.OfType<string>()) is { Length: > 0 } all ? all : null,
            known is null ? null : repeated, firstRepeated);
    }

    static IEnumerable<(int Line, string[] Fields)> Rows(string[] files) => files is [var source, var target]
        ? ParallelFiles.ReadPair(source, target).Select((pair, i) => (i + 1, new[] { pair.Source, pair.Target }))
        : TextLines.EndingOf(files[0]) == ".csv" ? CommaSeparated.ReadTexts(files[0]) : TextLines.ReadTexts(files[0]).Select((line, i) => (i + 1, line.Split('\t')));

    // Looks for another separator that occurs equally often in every line.
    sealed class Separators(string[] files)
    {
        static readonly (char Sign, string Name)[] Known = [(';', "semicolons"), ('\t', "tabs"), (',', "commas"), ('|', "vertical bars")];

        readonly int[] counts = new int[Known.Length];
        long rows;

        internal void Add(string[] fields)
        {
            rows++;
            foreach (var (i, (sign, _)) in Known.Index())
            {
                var count = fields.Sum(field => field.AsSpan().Count(sign));
                counts[i] = rows == 1 || count == counts[i] ? count : 0;
            }
        }

        internal string? Warning
        {
            get
            {
                var found = Array.FindIndex(counts, count => count > 0);
                var own = TextLines.EndingOf(files[0]) == ".csv" ? "commas" : "tabs";
                return files.Length > 1 || rows < 2 || found < 0 ? null
                    : $"the columns seem to be separated by {Known[found].Name}, but those of a {TextLines.EndingOf(files[0])} file must be separated by {own}: write the table with {own}{(Known[found].Sign == '\t' ? ", or name the file .tsv" : "")}";
            }
        }
    }

    sealed class Column(string name)
    {
        readonly Dictionary<string, int> values = [];
        int shortest = int.MaxValue, longest;
        long count, characters, empty;

        internal void Add(string text)
        {
            count++;
            characters += text.Length;
            (shortest, longest) = (Math.Min(shortest, text.Length), Math.Max(longest, text.Length));
            if (string.IsNullOrWhiteSpace(text)) empty++;
            if (values.TryGetValue(text, out var times)) values[text] = times + 1;
            else if (values.Count < MostDistinct) values.Add(text, 1);
        }

        // Labels are few, and most occur more than once.
        internal TableColumn Report() => new(name, shortest, longest, (double)characters / count, empty, values.Count,
            values.Count <= MostLabels && values.Count * 2 <= count ? values.OrderByDescending(value => value.Value).ThenBy(value => value.Key, StringComparer.Ordinal).ToDictionary() : null);
    }
}
