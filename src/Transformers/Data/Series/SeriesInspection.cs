using Transformers.IO;

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
    const int RowsSeen = 1000;

    /// <summary>Reports on a table, or returns null if the file is something else: without column names, or with a column most of which is neither numbers nor timestamps.</summary>
    /// <exception cref="UserException">A value is not a number, or the table has another fault.</exception>
    public static SeriesReport? Of(string path)
    {
        if (!File.Exists(path) || SpecialFile.IsAt(path) || !path.Contains(".csv", StringComparison.OrdinalIgnoreCase) && !path.Contains(".tsv", StringComparison.OrdinalIgnoreCase)) return null;
        // Reads only as much of another table as is needed to recognise it.
        if (!HasSeries(path)) return null;
        var table = SeriesTable.Read(new SeriesFileConfig { Path = path });
        List<OneSeriesReport> series = [.. table.Names.Zip(table.Values, OneSeriesReport.Of)];
        return new(table.Length, table.Time.LabelOf(0), table.Time.LabelOf(table.Length - 1), series.Sum(one => (long)one.Missing), series, [.. table.Warnings]);
    }

    // A table of series may have some bad values, so most values of each column decide.
    static bool HasSeries(string path)
    {
        var (names, numbers, rows) = (Array.Empty<string>(), Array.Empty<int>(), 0);
        try
        {
            foreach (var (_, fields) in CommaSeparated.Read(path, CommaSeparated.SeparatorOf(path)).Take(RowsSeen + 1))
            {
                if (names.Length == 0)
                {
                    (names, numbers) = (fields, new int[fields.Length]);
                    if (names.All(IsValue)) return false;
                    continue;
                }
                rows++;
                for (var i = 0; i < Math.Min(fields.Length, numbers.Length); i++) numbers[i] += IsValue(fields[i]) || i == 0 && SeriesTable.IsTimeName(names[0]) ? 1 : 0;
            }
        }
        catch (UserException)
        {
            return false;
        }
        return rows > 0 && numbers.All(count => 2 * count >= rows);
    }

    static bool IsValue(string field) => SeriesTable.IsMissing(field) || SeriesTable.IsNumber(field) || TimeAxis.IsDate(field);
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
        var there = values.Where(value => !double.IsNaN(value)).ToArray();
        return there.Length == 0 ? new(name, null, null, null, values.Length) : new(name, there.Min(), there.Average(), there.Max(), values.Length - there.Length);
    }
}
