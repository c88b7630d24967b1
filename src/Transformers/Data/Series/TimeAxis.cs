using System.Globalization;
using Transformers.IO;

namespace Transformers.Data.Series;

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
        return (counts, Enumerable.Range(1, counts.Length - 1).Min(i => counts[i] - counts[i - 1]), !sameDay);
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
