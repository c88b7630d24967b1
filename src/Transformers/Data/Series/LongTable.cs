namespace Transformers.Data.Series;

/// <summary>Recognises tables with one row per series and step, which must be rewritten with one column per series.</summary>
static class LongTable
{
    // Wider tables have one series per column.
    const int MostColumns = 8;

    static readonly string[] TimeNames = ["t", "step", "timestep", "time_step", "index", "period"];

    /// <summary>The error for a table that could not be read because its timestamps are repeated, but only once for each value of another
    /// column; null if it is not such a table.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="header">The names of its columns.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="time">The column of timestamps, if there is one.</param>
    internal static UserException? Explain(string path, string[] header, List<(int Line, string[] Fields)> rows, int? time)
    {
        var stamps = time ?? Array.FindIndex(rows[0].Fields, TimeAxis.IsDate);
        if (stamps < 0 && Find([.. rows.Select(row => row.Fields)]) is { } named)
            return Error($"column {MessageText.Quote(header[named.Series])} names the series, and column {MessageText.Quote(header[named.Time])} has the steps of each", named.Time, named.Series);
        if (stamps < 0 || !IsRepeated(stamps)) return null;
        var others = Enumerable.Range(0, header.Length).Where(column => column != stamps).ToList();
        var series = others.FindIndex(column => IsRepeated(column) && rows.Select(row => (row.Fields[column], row.Fields[stamps])).Distinct().Count() == rows.Count);
        if (series < 0 || others.Count < 2) return null;
        return Error($"several rows have the same timestamp in column {MessageText.Quote(header[stamps])}, and column {MessageText.Quote(header[others[series]])} names the series", stamps, others[series]);

        UserException Error(string why, int time, int series) => new([new Problem($"the table has one row per series and step: {why}", path, Hint: Remedy(header, time, series))]);

        bool IsRepeated(int column) => 2 * rows.Select(row => row.Fields[column]).Distinct(StringComparer.Ordinal).Count() <= rows.Count;
    }

    static string Remedy(IReadOnlyList<string> header, int time, int series)
    {
        var value = header[Enumerable.Range(0, header.Count).Last(column => column != time && column != series)];
        return $"write one row per step and one column per series; in pandas: table.pivot(index=\"{header[time]}\", columns=\"{header[series]}\", values=\"{value}\").to_csv(path)";
    }

    /// <summary>The column of words that names the series of a row, and the column of numbers with their steps; null if there are none.</summary>
    /// <param name="rows">The rows.</param>
    internal static (int Series, int Time)? Find(IReadOnlyList<string[]> rows)
    {
        var columns = rows.Min(row => row.Length);
        if (columns is < 3 or > MostColumns) return null;
        var numbers = Enumerable.Range(0, columns).Select(column => rows.Select(row => SeriesTable.IsNumber(row[column]) ? double.Parse(row[column], CultureInfo.InvariantCulture) : double.NaN).ToArray()).ToArray();
        foreach (var (series, time) in Pairs(columns))
            if (rows.All(row => !SeriesTable.IsNumber(row[series]) && row[series].Length > 0) && IsGrouped([.. rows.Select(row => row[series])], numbers[time])) return (series, time);
        return null;
    }

    /// <summary>What a user should know about a table of numbers all of whose columns were read as series, if two of them look like the
    /// number of a series and its steps, or the first like timestamps; null for nothing.</summary>
    /// <param name="names">The names of the columns.</param>
    /// <param name="values">Their values.</param>
    internal static string? Warning(IReadOnlyList<string> names, IReadOnlyList<double[]> values)
    {
        if (names.Count is < 2 or > MostColumns) return null;
        var (first, second) = names.Count < 3 ? default : Pairs(names.Count).FirstOrDefault(pair => values[pair.First].All(double.IsInteger) && IsGrouped(values[pair.First], values[pair.Second]));
        if (first != second)
        {
            // Whichever column groups the rows, its name may say that it has the steps.
            var (series, time) = TimeNames.Contains(names[first].ToLowerInvariant()) ? (second, first) : (first, second);
            return $"all {names.Count} columns were read as series, but the table seems to have one row per series and step, with the series in column {MessageText.Quote(names[series])} and the step in column {MessageText.Quote(names[time])}: {Remedy(names, time, series)}; "
                + "or set data.source.columns to the columns that are series";
        }
        return IsEquallySpaced(values[0])
            ? $"column {MessageText.Quote(names[0])} rises by the same amount in every row, and was read as a series: if it has the timestamps, set data.source.time to {MessageText.Quote(names[0])}; otherwise data.source.columns names the columns that are series" : null;
    }

    static IEnumerable<(int First, int Second)> Pairs(int count) =>
        Enumerable.Range(0, count).SelectMany(first => Enumerable.Range(0, count).Where(second => second != first).Select(second => (first, second)));

    // Whether rows with the same value in one column are adjacent, with ascending values in another column, most of which recur.
    static bool IsGrouped<T>(T[] groups, double[] steps) where T : IEquatable<T>
    {
        var (seen, different) = (new HashSet<T>(), new HashSet<double>());
        for (var i = 0; i < groups.Length; i++)
        {
            if (double.IsNaN(steps[i])) return false;
            different.Add(steps[i]);
            if (i > 0 && groups[i].Equals(groups[i - 1]) ? steps[i] <= steps[i - 1] : !seen.Add(groups[i])) return false;
        }
        return seen.Count > 1 && 2 * seen.Count <= groups.Length && 2 * different.Count <= groups.Length;
    }

    static bool IsEquallySpaced(double[] values)
    {
        const int fewest = 3;
        var distance = values.Length < fewest ? 0 : values[1] - values[0];
        return distance > 0 && Enumerable.Range(1, values.Length - 1).All(i => Math.Abs(values[i] - values[i - 1] - distance) <= 1e-6 * distance);
    }
}
