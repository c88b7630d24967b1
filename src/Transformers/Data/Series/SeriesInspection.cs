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
    /// <summary>Reports on a table, or returns null if the file is something else: without column names, or with a column that is neither numbers nor timestamps.</summary>
    public static SeriesReport? Of(string path)
    {
        if (!File.Exists(path) || SpecialFile.IsAt(path) || !path.Contains(".csv", StringComparison.OrdinalIgnoreCase) && !path.Contains(".tsv", StringComparison.OrdinalIgnoreCase)) return null;
        SeriesTable table;
        try
        {
            // Reads only as much of another table as is needed to recognise it.
            var start = CommaSeparated.Read(path, CommaSeparated.SeparatorOf(path)).Take(2).ToList();
            if (start.Count < 2 || start[1].Fields.Any(field => !SeriesTable.IsMissing(field) && !SeriesTable.IsNumber(field) && !TimeAxis.IsDate(field))) return null;
            table = SeriesTable.Read(new SeriesFileConfig { Path = path });
        }
        catch (UserException)
        {
            return null;
        }
        if (table.Names.Count == 0 || table.Names[0] == "1") return null;
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
        var there = values.Where(value => !double.IsNaN(value)).ToArray();
        return there.Length == 0 ? new(name, null, null, null, values.Length) : new(name, there.Min(), there.Average(), there.Max(), values.Length - there.Length);
    }
}
