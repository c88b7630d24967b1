using System.Globalization;

namespace Benchmarks.Against;

/// <summary>Runs this checkout and another alternately, row by row, and prints the medians and ratios.</summary>
sealed class Comparison(AgainstOptions options, Checkout ours, Checkout theirs, TextWriter output)
{
    const int Below = 3;

    readonly List<string> missed = [];

    /// <summary>Measures the requested rows.</summary>
    /// <returns>The exit code: 0, or 3 if a row misses its bound.</returns>
    /// <exception cref="ArgumentException">The command line is wrong, or something was not built.</exception>
    internal static int Run(ReadOnlySpan<string> arguments, TextWriter output)
    {
        var options = AgainstOptions.Parse(arguments);
        var work = Directory.CreateTempSubdirectory("transformer-against-").FullName;
        try
        {
            var all = Rows.All(work);
            if (options.Rows.FirstOrDefault(name => all.All(row => row.Name != name)) is { } unknown)
                throw new ArgumentException($"--row: unknown row {unknown}; rows are {string.Join(", ", all.Select(row => row.Name))}");
            List<Row> rows = [.. all.Where(row => options.Rows.Count == 0 || options.Rows.Contains(row.Name))];
            var comparison = new Comparison(options, new Checkout(Here(), Path.Combine(work, "ours"), options.Seconds), new Checkout(options.Other, Path.Combine(work, "theirs"), options.Seconds), output);
            return comparison.Run(rows);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    int Run(List<Row> rows)
    {
        foreach (var checkout in new[] { ours, theirs }) checkout.Check(rows.Any(row => row.NeedsBenchmarks));
        output.WriteLine($"{ours.Root} and {theirs.Root} in turn, medians of {options.Pairs} pairs; ratios above 1 are in favour of the first");
        Line("row", "unit", "this", "other", "ratio", "bound", "memory", "bound", "plain", "ratio", "bound", "others");
        foreach (var row in rows) Measure(row);
        if (missed.Count == 0) return 0;
        output.WriteLine($"missed: {string.Join("; ", missed)}");
        return Below;
    }

    void Measure(Row row)
    {
        List<Measurement> mine = [], other = [], plain = [];
        var load = MachineLoad.Start();
        for (var i = 0; i < options.Pairs; i++)
        {
            mine.Add(row.Measure(ours));
            other.Add(row.Measure(theirs));
            if (options.Plain && row.MeasurePlain is { } measure) plain.Add(measure(ours));
        }
        foreach (var side in new[] { other, plain })
            if (side.Count > 0) CheckSame(row, mine, side);
        var ratios = Ratios(mine, other, row.Ratio);
        double? memory = row.MemoryBound is null || other.Any(one => one.Peak == 0) ? null : Statistics.Median(Ratios(mine, other, (_, _) => 0, (a, b) => (double)a / b));
        double? toPlain = plain.Count == 0 ? null : Statistics.Median(Ratios(mine, plain, row.Ratio));
        Line(row.Name, row.Unit, Middle(mine), Middle(other), $"{Ratio(Statistics.Median(ratios))} ({Ratio(ratios.Min())} to {Ratio(ratios.Max())})", $"≥{Ratio(row.Bound)}",
            Ratio(memory), memory is null ? "" : $"≤{Ratio(row.MemoryBound)}", plain.Count == 0 ? "" : Middle(plain), Ratio(toPlain), toPlain is null ? "" : $"≥{Ratio(row.PlainBound)}", $"{100 * load.OfOthers():0} %");
        Require(Statistics.Median(ratios) >= row.Bound, row, $"{Ratio(Statistics.Median(ratios))} of the other's speed");
        Require(memory is null || memory <= row.MemoryBound, row, $"{Ratio(memory)} of the other's peak memory");
        Require(toPlain is null || toPlain >= row.PlainBound, row, $"{Ratio(toPlain)} of plain TorchSharp's speed");
    }

    void Require(bool met, Row row, string what)
    {
        if (!met) missed.Add($"{row.Name} at {what}");
    }

    // All sides must train the same model, with the same number of parameters and the same loss at the first step. Weights and inputs are
    // drawn again each time, so the means are compared.
    static void CheckSame(Row row, List<Measurement> a, List<Measurement> b)
    {
        if (a[0].Parameters != b[0].Parameters) throw new InvalidOperationException($"{row.Name}: {a[0].Parameters} parameters on one side, {b[0].Parameters} on the other");
        var (first, second) = (a.Average(one => one.Loss), b.Average(one => one.Loss));
        if (Math.Abs(first - second) > 0.03 * Math.Abs(first)) throw new InvalidOperationException(FormattableString.Invariant($"{row.Name}: the first loss is {first} on one side, {second} on the other"));
    }

    static List<double> Ratios(List<Measurement> a, List<Measurement> b, Func<double, double, double> ofValues, Func<long, long, double>? ofPeaks = null) =>
        [.. a.Zip(b, (one, two) => ofPeaks is null ? ofValues(one.Value, two.Value) : ofPeaks(one.Peak, two.Peak))];

    static string Middle(List<Measurement> all)
    {
        var value = Statistics.Median([.. all.Select(one => one.Value)]);
        return value.ToString(value >= 1000 ? "F0" : "G4", CultureInfo.InvariantCulture);
    }

    static string Ratio(double? ratio) => ratio is null ? "" : ratio.Value.ToString("F3", CultureInfo.InvariantCulture);

    void Line(params string[] cells)
    {
        int[] widths = [-15, -9, 10, 10, 24, 7, 7, 7, 9, 7, 7, 7];
        output.WriteLine(string.Join("  ", cells.Zip(widths, (cell, width) => width < 0 ? cell.PadRight(-width) : cell.PadLeft(width))).TrimEnd());
        output.Flush();
    }

    static string Here()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "TransformerCli.sln"))) return folder;
        throw new InvalidOperationException($"there is no TransformerCli.sln above {AppContext.BaseDirectory}");
    }
}
