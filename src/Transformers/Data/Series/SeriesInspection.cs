namespace Transformers.Data.Series;

/// <summary>A report on a table of series; training on them gives the same warnings.</summary>
/// <param name="Steps">The number of steps, including those of missing rows.</param>
/// <param name="First">The timestamp of the first.</param>
/// <param name="Last">The timestamp of the last.</param>
/// <param name="Missing">Values that are missing, in all series together.</param>
/// <param name="Series">The series.</param>
/// <param name="Warnings">What a user should know before training on them.</param>
public sealed record SeriesReport(int Steps, string First, string Last, long Missing, IReadOnlyList<OneSeriesReport> Series, IReadOnlyList<string> Warnings)
{
    /// <summary>Reports on a table, or returns null if the file is something else.</summary>
    /// <exception cref="UserException">A value is not a number, or the table has another fault.</exception>
    public static SeriesReport? Of(string path)
    {
        if (SeriesTables.LayoutOf(path) != SeriesLayout.Columns) return null;
        var table = SeriesTable.Read(new SeriesFileConfig { Path = path });
        List<OneSeriesReport> series = [.. table.Names.Zip(table.Values, OneSeriesReport.Of)];
        return new(table.Length, table.Time.LabelOf(0), table.Time.LabelOf(table.Length - 1), series.Sum(one => (long)one.Missing), series, [.. table.Warnings]);
    }
}

/// <summary>One series of a table.</summary>
/// <param name="Name">Its column's name.</param>
/// <param name="Least">The minimum; null without values.</param>
/// <param name="Mean">The mean; null without values.</param>
/// <param name="Most">The maximum; null without values.</param>
/// <param name="Missing">Steps without a value.</param>
public sealed record OneSeriesReport(string Name, double? Least, double? Mean, double? Most, int Missing)
{
    internal static OneSeriesReport Of(string name, double[] values)
    {
        var known = values.Where(value => !double.IsNaN(value)).ToArray();
        return known.Length == 0 ? new(name, null, null, null, values.Length) : new(name, known.Min(), known.Average(), known.Max(), values.Length - known.Length);
    }
}

/// <summary>A report on a table of series with classes.</summary>
/// <param name="Series">The number of series that can be used.</param>
/// <param name="Shortest">Steps of the shortest, without missing values at its end.</param>
/// <param name="Longest">Steps of the longest.</param>
/// <param name="Missing">Values that are missing before the end of their series, in all series together.</param>
/// <param name="Classes">The number of series of each class.</param>
/// <param name="Unusable">Rows that cannot be used.</param>
/// <param name="UnusableRows">The problems of the first of them.</param>
/// <param name="Warnings">What a user should know before training on them.</param>
public sealed record LabelledSeriesReport(int Series, int Shortest, int Longest, long Missing, IReadOnlyDictionary<string, int> Classes, int Unusable, IReadOnlyList<string> UnusableRows, IReadOnlyList<string> Warnings)
{
    const int MostNamed = 10;

    /// <summary>Reports on a table, or returns null if the file is something else.</summary>
    /// <exception cref="UserException">The table cannot be read.</exception>
    public static LabelledSeriesReport? Of(string path) => SeriesTables.LayoutOf(path) == SeriesLayout.Rows ? Read(path) : null;

    /// <summary>Reports on a table of series with classes.</summary>
    /// <param name="path">The table.</param>
    /// <param name="trains">Whether it is to be trained on, so that it needs classes.</param>
    /// <exception cref="UserException">The table cannot be read.</exception>
    internal static LabelledSeriesReport Read(string path, bool trains = true)
    {
        var (classes, problems, unnamed) = (new Dictionary<string, int>(StringComparer.Ordinal), new List<string>(), 0);
        var (count, unusable, shortest, longest, missing) = (0, 0, int.MaxValue, 0, 0L);
        foreach (var one in LabelledSeriesDataset.Read(path, labelled: false))
        {
            if (one.Problem is { } problem)
            {
                unusable++;
                if (problems.Count < MostNamed) problems.Add(problem.ToString());
                continue;
            }
            count++;
            if (one.Label.Length == 0) unnamed++;
            else classes[one.Label] = classes.GetValueOrDefault(one.Label) + 1;
            var length = Array.FindLastIndex(one.Values, value => !double.IsNaN(value)) + 1;
            (shortest, longest) = (Math.Min(shortest, length), Math.Max(longest, length));
            missing += one.Values.Take(length).Count(double.IsNaN);
        }
        var named = ClassNames.Of(classes.Keys).ToDictionary(name => name, name => classes[name]);
        List<string> warnings = [];
        if (unnamed > 0) warnings.Add($"{Amount.Of(unnamed, "series has", "series have")} no class in the first column: predict reads them, but {(trains ? "training" : "eval")} refuses them");
        if (named.Count < 2 && trains) warnings.Add("training needs series of at least two classes; the first column is the class");
        return new(count, count == 0 ? 0 : shortest, longest, missing, named, unusable, problems, warnings);
    }
}

/// <summary>How a table has series.</summary>
enum SeriesLayout
{
    /// <summary>It is another table.</summary>
    None,
    /// <summary>One series per column.</summary>
    Columns,
    /// <summary>One series per row, after its class.</summary>
    Rows,
}

/// <summary>Recognises tables of series by the majority of their first rows, since some values may be bad.</summary>
static class SeriesTables
{
    const int RowsSeen = 1000;
    static readonly string[] Names = ["label", "labels", "class", "category", "target", "y"];

    /// <summary>How a file has series.</summary>
    internal static SeriesLayout LayoutOf(string path)
    {
        if (!File.Exists(path) || SpecialFile.IsAt(path) || !path.Contains(".csv", StringComparison.OrdinalIgnoreCase) && !path.Contains(".tsv", StringComparison.OrdinalIgnoreCase)) return SeriesLayout.None;
        List<string[]> rows;
        try
        {
            rows = [.. CommaSeparated.Read(path, CommaSeparated.SeparatorOf(path)).Take(RowsSeen + 1).Select(record => record.Fields)];
        }
        catch (UserException)
        {
            return SeriesLayout.None;
        }
        if (rows.Count == 0) return SeriesLayout.None;
        var first = rows[0];
        // A class may have the name of a time, such as day.
        var timed = TimeAxis.IsDate(first[0]) || SeriesTable.IsTimeName(first[0]) && (!first.Skip(1).All(IsValue) || rows.Count > 1 && IsValue(rows[1][0]));
        // The class of a first row of values is its first field.
        var named = !first.Skip(first.Length > 2 && !timed ? 1 : 0).All(IsValue);
        if (named) rows.RemoveAt(0);
        if (rows.Count == 0 || !Enumerable.Range(1, first.Length - 1).All(Numeric)) return SeriesLayout.None;
        if (first.Length > 2 && !timed && HasClasses([.. rows.Select(row => row[0].Trim())], named ? first[0] : null))
            // With dates or steps, a column names a series rather than a class: reading the table says what to do.
            return first.Any(TimeAxis.IsDate) || rows[0].Any(TimeAxis.IsDate) || named && LongTable.Find(rows) is not null ? SeriesLayout.Columns : SeriesLayout.Rows;
        // Two columns without names may as well be pairs of texts.
        return (named || timed || first.Length != 2) && (Numeric(0) || SeriesTable.IsTimeName(first[0])) ? SeriesLayout.Columns : SeriesLayout.None;

        bool Numeric(int column) => 2 * rows.Count(row => column < row.Length && IsValue(row[column])) >= rows.Count;
    }

    // Classes are words, or numbers that are repeated: the values of a series, and its timestamps, are mostly different.
    static bool HasClasses(IReadOnlyList<string> labels, string? name)
    {
        if (name is not null && Names.Contains(name.Trim().ToLowerInvariant())) return true;
        var repeated = 2 * labels.Distinct(StringComparer.Ordinal).Count() <= labels.Count;
        return repeated && (!labels.All(IsValue) || name is null && labels.All(label => long.TryParse(label, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)));
    }

    static bool IsValue(string field) => SeriesTable.IsMissing(field) || SeriesTable.IsNumber(field) || TimeAxis.IsDate(field);
}
