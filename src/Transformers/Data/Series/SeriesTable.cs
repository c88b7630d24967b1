using Transformers.Configs;

namespace Transformers.Data.Series;

/// <summary>A table with one series per column and one step per row.</summary>
public sealed class SeriesTable
{
    /// <summary>The maximum number of values.</summary>
    internal const int MostValues = 20_000_000;

    // Squares and sums of such values stay finite.
    const double Largest = 1e30;

    static readonly string[] TimeNames = ["", "time", "date", "datetime", "timestamp", "ds", "month", "year", "day", "hour"];
    static readonly string[] Missing = ["", "na", "nan", "null", "n/a", "?", "-"];

    SeriesTable(string[] names, double[][] values, TimeAxis time) => (Names, Values, Time) = (names, values, time);

    // Whether a setting, a name or dates say which columns are series.
    bool columnsChosen;

    /// <summary>The names of the series.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The values of each series, all of the same length; NaN where one is missing.</summary>
    public IReadOnlyList<double[]> Values { get; }

    /// <summary>The timestamps.</summary>
    public TimeAxis Time { get; }

    /// <summary>The number of steps.</summary>
    public int Length => Values[0].Length;

    /// <summary>Reads a file.</summary>
    /// <exception cref="UserException">It cannot be read, a named column is missing, or a value is not a number.</exception>
    public static SeriesTable Read(SeriesFileConfig config)
    {
        var path = config.Path;
        using var records = CommaSeparated.Read(path, CommaSeparated.SeparatorOf(path), once: true).GetEnumerator();
        if (!records.MoveNext()) throw new UserException([new Problem("the table has no rows", path, Hint: "expected a line of names, then one line per step")]);
        var (line, first) = records.Current;
        if (first.Length > 100_000) throw TextLines.Error(path, line, $"the line has {first.Length:N0} columns; at most 100,000 are read");
        var named = first.Any(field => !IsMissing(field) && !IsNumber(field) && !TimeAxis.IsDate(field));
        string[] header = named ? [.. first.Select(field => field.Trim())] : [.. first.Select((_, i) => (i + 1).ToString(CultureInfo.InvariantCulture))];
        if (named && header.Where(name => name.Length > 0).GroupBy(name => name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw TextLines.Error(path, line, $"{twice.Count()} columns have the name {MessageText.Quote(twice.Key)}", "give each column a name of its own");
        var (rows, last) = (new List<(int Line, string[] Fields)>(), line);
        if (!named) rows.Add((line, first));
        while (records.MoveNext())
        {
            if (records.Current.Fields.Length != header.Length)
                throw TextLines.Error(path, records.Current.Line, $"the line has {Amount.Of(records.Current.Fields.Length, "column")}, but the first line has {header.Length}", CommaSeparated.Separators(first) ?? "every line must have the same columns; leave the field of a missing value empty");
            // A blank line is refused: in a single column it could be a missing value, and skipping it would move all later values a step forward.
            if (header.Length == 1 && records.Current.Line > last + 1) throw TextLines.Error(path, last + 1, "the line is blank", "write NA for a missing value");
            last = records.Current.Line;
            rows.Add(records.Current);
            if ((long)rows.Count * header.Length > MostValues) throw TextLines.Error(path, records.Current.Line, $"the table has more than {MostValues:N0} values", "split it into several files");
        }
        if (rows.Count == 0) throw new UserException([new Problem("the table has names but no values", path)]);
        var time = TimeColumn(config, header, rows[0].Fields);
        var columns = Columns(config, header, time);
        try
        {
            return Make(config, header, rows, time, columns);
        }
        catch (UserException) when (LongTable.Explain(path, header, rows, time) is { } explained)
        {
            throw explained;
        }
    }

    static SeriesTable Make(SeriesFileConfig config, string[] header, List<(int Line, string[] Fields)> rows, int? time, int[] columns)
    {
        var (path, axis, steps) = (config.Path, TimeAxis.Steps, Enumerable.Range(0, rows.Count).ToArray());
        if (time is { } stamps) axis = TimeAxis.Read([.. rows.Select(row => row.Fields[stamps])], i => rows[i].Line, path, out steps);
        if ((steps[^1] + 1L) * columns.Length > MostValues) throw new UserException([new Problem($"the table has more than {MostValues:N0} values, including those of missing rows", path)]);
        var values = columns.Select(_ => Enumerable.Repeat(double.NaN, steps[^1] + 1).ToArray()).ToArray();
        foreach (var (i, row) in rows.Index())
            foreach (var (k, column) in columns.Index()) values[k][steps[i]] = Parse(row.Fields[column], path, row.Line, header[column], config.Columns is null);
        return new SeriesTable([.. columns.Select(column => header[column])], values, axis) { columnsChosen = time is not null || config.Columns is not null };
    }

    /// <summary>What a user should know about the series before training on them.</summary>
    public IEnumerable<string> Warnings
    {
        get
        {
            List<string> empty = [], constant = [];
            foreach (var (name, values) in Names.Zip(Values))
            {
                var known = values.Where(value => !double.IsNaN(value)).ToList();
                if (known.Count == 0) empty.Add(name);
                else if (known.Count > 1 && known.TrueForAll(value => value == known[0])) constant.Add(name);
            }
            if (!columnsChosen && LongTable.Warning(Names, Values) is { } layout) yield return layout;
            if (empty.Count > 0) yield return $"{Named(empty)} no values";
            if (constant.Count > 0) yield return $"{Named(constant)} a single value that never changes";
        }
    }

    static string Named(List<string> names) =>
        $"{(names.Count == 1 ? "the series" : $"{names.Count:N0} series,")} {string.Join(", ", names.Take(5).Select(name => MessageText.Quote(name)))}{(names.Count > 5 ? ", …," : names.Count > 1 ? "," : "")} {(names.Count == 1 ? "has" : "have")}";

    /// <summary>The table of generated series.</summary>
    internal static SeriesTable Of(IReadOnlyList<double[]> values) =>
        new([.. values.Select((_, i) => $"series {i.ToString(CultureInfo.InvariantCulture)}")], [.. values], TimeAxis.Steps) { columnsChosen = true };

    static int? TimeColumn(SeriesFileConfig config, string[] header, string[] row)
    {
        if (config.Time is { } name)
        {
            var at = Array.IndexOf(header, name);
            return at >= 0 ? at : throw NoColumn(config.Path, name, header);
        }
        if (config.Columns?.Contains(header[0]) == true || header.Length == 1) return null;
        return IsTimeName(header[0]) || TimeAxis.IsDate(row[0]) ? 0 : null;
    }

    static int[] Columns(SeriesFileConfig config, string[] header, int? time)
    {
        if (config.Columns is null) return [.. Enumerable.Range(0, header.Length).Where(column => column != time)];
        return [.. config.Columns.Select(name => Array.IndexOf(header, name) is var at and >= 0 ? at : throw NoColumn(config.Path, name, header))];
    }

    static UserException NoColumn(string path, string name, string[] header) =>
        TextLines.Error(path, 1, $"no column named {MessageText.Quote(name)}", $"the columns are {string.Join(", ", header.Take(10).Select(one => MessageText.Quote(one)))}{(header.Length > 10 ? ", …" : "")}");

    internal static bool IsTimeName(string name) => TimeNames.Contains(name.Trim().ToLowerInvariant());

    internal static bool IsMissing(string field) => Missing.Contains(field.Trim().ToLowerInvariant());

    internal static bool IsNumber(string field) => double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    internal static double Parse(string field, string path, int line, string column, bool all)
    {
        if (IsMissing(field)) return double.NaN;
        if (!double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
            throw TextLines.Error(path, line, $"{MessageText.Quote(field)} in column {MessageText.Quote(column)} is not a number", NumberHint.For(field.Trim()) ?? CommaSeparated.Separators([field])
                ?? (all ? "leave the field of a missing value empty, or name the series' columns in data.source.columns, and the column of timestamps in data.source.time" : "leave the field of a missing value empty"));
        return Math.Abs(value) <= Largest ? value : throw TextLines.Error(path, line, $"the value {MessageText.Escape(field)} in column {MessageText.Quote(column)} must be between -1e30 and 1e30");
    }
}

/// <summary>The timestamps of a table's rows, equally spaced: numbers, dates, or none.</summary>
public sealed class TimeAxis
{
    static readonly string[] Formats =
    [
        "yyyy-MM-dd", "yyyy-MM", "yyyy/MM/dd", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-ddTHH:mm", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-ddTHH:mm:ssZ",
        "yyyy-MM-dd HH:mm:ss.fff", "yyyy-MM-ddTHH:mm:ss.fff", "yyyy-MM-dd HH:mm:ss.FFF", "yyyy-MM-ddTHH:mm:ss.FFF", "yyyy-MM-dd HH:mm:sszzz", "yyyy-MM-ddTHH:mm:sszzz",
    ];

    // A gap of more missing steps than this, or than there are rows, is treated as a mistake.
    const long LongestGap = 10_000;

    // A forecast beyond the last representable date has that date.
    const int LastYear = 9999;

    readonly Func<long, string> label;

    TimeAxis(Func<long, string> label) => this.label = label;

    /// <summary>Steps counted from 0.</summary>
    public static TimeAxis Steps { get; } = new(step => step.ToString(CultureInfo.InvariantCulture));

    /// <summary>The timestamp of a step, written as those of the table are; steps after the last one continue with the same spacing.</summary>
    public string LabelOf(long step) => label(step);

    /// <summary>Whether a field is a date, and so a timestamp, regardless of its column's name.</summary>
    internal static bool IsDate(string field) => TryDate(field, out _);

    /// <summary>Reads the timestamps of rows, and finds the step of each row: a missing row is a step without values.</summary>
    /// <param name="stamps">One timestamp per row.</param>
    /// <param name="lineOf">The line of a row.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="steps">The step of each row, from 0.</param>
    /// <exception cref="UserException">A timestamp is invalid, or they are not ascending or not equally spaced.</exception>
    internal static TimeAxis Read(IReadOnlyList<string> stamps, Func<int, int> lineOf, string path, out int[] steps)
    {
        steps = new int[stamps.Count];
        if (stamps.Count == 0) return Steps;
        var dates = TryDate(stamps[0], out var first);
        var at = new double[stamps.Count];
        var clock = new DateTime[dates ? at.Length : 0];
        for (var i = 0; i < at.Length; i++)
        {
            DateTimeOffset date = default;
            if (dates ? TryDate(stamps[i], out date) : double.TryParse(stamps[i], NumberStyles.Float, CultureInfo.InvariantCulture, out at[i]) && double.IsFinite(at[i]))
            {
                if (dates) (at[i], clock[i]) = ((date - first).Ticks, date.DateTime);
                if (i == 0 || at[i] > at[i - 1]) continue;
                throw TextLines.Error(path, lineOf(i), $"the timestamp {MessageText.Quote(stamps[i])} must be after that of the previous row ({MessageText.Escape(stamps[i - 1])})", "sort the rows by time, one row per step");
            }
            throw TextLines.Error(path, lineOf(i), $"{MessageText.Quote(stamps[i])} is not a timestamp", dates ? "the first row has a date: write all of them as dates, such as 2024-01-31" : "write dates as 2024-01-31 or 2024-01-31T12:00, or numbers");
        }
        var form = dates ? Formats.FirstOrDefault(format => stamps.All(stamp => TryDate(stamp, format, out _))) ?? MixedForm(clock, first) : "0.######";
        if (MonthsOf(clock) is { } months)
        {
            steps = StepsOf(months.Counts, months.Each, stamps, lineOf, path);
            return new(step =>
            {
                var date = first.AddMonths((int)Math.Min(step * months.Each, 12.0 * (LastYear - first.Year)));
                return (months.AtEnd ? date.AddDays(DateTime.DaysInMonth(date.Year, date.Month) - date.Day) : date).ToString(form, CultureInfo.InvariantCulture);
            });
        }
        var distance = at.Length == 1 ? dates ? TimeSpan.TicksPerDay : 1 : Enumerable.Range(1, at.Length - 1).Min(i => at[i] - at[i - 1]);
        steps = StepsOf([.. at.Select(one => one - at[0])], distance, stamps, lineOf, path);
        // The mean distance, since that of two neighbours may be rounded, as in 1949.083.
        if (!dates && steps[^1] > 0) distance = (at[^1] - at[0]) / steps[^1];
        if (!dates) return new(step => (at[0] + step * distance).ToString(form, CultureInfo.InvariantCulture));
        var left = new DateTime(LastYear, 1, 1).Ticks - first.UtcTicks;
        return new(step => first.AddTicks((long)Math.Min(step * distance, left)).ToString(form, CultureInfo.InvariantCulture));
    }

    // The format of the steps' timestamps if the table has dates in several formats.
    static string MixedForm(DateTime[] clock, DateTimeOffset first) =>
        clock.All(date => date.TimeOfDay == TimeSpan.Zero) ? "yyyy-MM-dd" : first.Offset == TimeSpan.Zero ? "yyyy-MM-ddTHH:mm:ss.FFF" : "yyyy-MM-ddTHH:mm:ss.FFFzzz";

    // Months differ in length, so dates on the same day of each month, or on its last day, are counted in months. Null for others.
    static (double[] Counts, double Each, bool AtEnd)? MonthsOf(DateTime[] dates)
    {
        var sameDay = dates.All(date => date.Day == dates[0].Day);
        var isEnd = dates.All(date => date.Day == DateTime.DaysInMonth(date.Year, date.Month));
        if (dates.Length < 2 || !sameDay && !isEnd || dates.Any(date => date.TimeOfDay != dates[0].TimeOfDay)) return null;
        var counts = Array.ConvertAll(dates, date => 12.0 * (date.Year - dates[0].Year) + date.Month - dates[0].Month);
        var each = Enumerable.Range(1, counts.Length - 1).Min(i => counts[i] - counts[i - 1]);
        // Where the clock is set back, two timestamps can have the same local time.
        return each > 0 ? (counts, each, !sameDay) : null;
    }

    static int[] StepsOf(double[] since, double distance, IReadOnlyList<string> stamps, Func<int, int> lineOf, string path)
    {
        var steps = new int[since.Length];
        for (var i = 1; i < steps.Length; i++)
        {
            var passed = (since[i] - since[i - 1]) / distance;
            var whole = Math.Round(passed);
            // Rounded stamps, such as 1949.083 for a month, are a few percent off.
            if (Math.Abs(passed - whole) > 0.05 * Math.Max(1, Math.Min(whole, 5)))
                throw TextLines.Error(path, lineOf(i), $"the timestamp {MessageText.Quote(stamps[i])} is {passed:0.##} steps after that of the previous row, but must be a whole number of steps after it", "make the rows equally spaced in time, or leave the timestamp column out");
            if (whole - 1 > Math.Max(LongestGap, steps.Length))
                throw TextLines.Error(path, lineOf(i), $"{whole - 1:0} steps are missing before the timestamp {MessageText.Quote(stamps[i])}", "is a timestamp wrong? otherwise split the file there");
            steps[i] = checked(steps[i - 1] + (int)whole);
            if (steps[i] > SeriesTable.MostValues) throw TextLines.Error(path, lineOf(i), $"the timestamps span more than {SeriesTable.MostValues:N0} steps");
        }
        return steps;
    }

    static bool TryDate(string field, out DateTimeOffset date) => DateTimeOffset.TryParseExact(field.Trim(), Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out date);

    static bool TryDate(string field, string format, out DateTimeOffset date) => DateTimeOffset.TryParseExact(field.Trim(), format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out date);
}
