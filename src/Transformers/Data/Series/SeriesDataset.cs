using Transformers.Configs;
using Transformers.Generators;
using Transformers.IO;

namespace Transformers.Data.Series;

/// <summary>A window of a series: what is seen and what is forecast.</summary>
/// <param name="Series">The index of the series.</param>
/// <param name="Origin">The first step that is forecast.</param>
public readonly record struct SeriesWindow(int Series, int Origin);

/// <summary>Series divided by time: training first, then validation, then the test.</summary>
/// <remarks>A window belongs to the split that contains all its forecast steps; its context may reach into an earlier split.</remarks>
public sealed class SeriesDataset
{
    const int FewestSeen = 2;

    readonly SeriesDataConfig config;
    readonly double[] scales;

    SeriesDataset(SeriesDataConfig config, SeriesTable table, IReadOnlyList<SeriesGenerator>? generators)
    {
        (this.config, Table, Generators) = (config, table, generators);
        var testStart = table.Length - config.Test;
        TrainEnd = testStart - config.Validation;
        Train = Windows(config.Context, TrainEnd, 1);
        // The latest windows are closest to what is to be forecast.
        if (config.Limit is { } limit)
            Train = [.. DataLimit.Choose([.. Train.Select(window => window.Series)], (_, windows) => windows.Reverse(), limit, "windows").Select(i => Train[i])];
        Validation = Windows(Math.Max(config.Context, TrainEnd), testStart, config.Stride);
        Test = Windows(Math.Max(config.Context, testStart), table.Length, config.Stride);
        scales = [.. table.Values.Select(ScaleOf)];
    }

    /// <summary>Opens the series that a config names; generated series are kept in memory.</summary>
    /// <param name="path">Replaces the config's source, as <c>--data</c> does.</param>
    /// <exception cref="UserException">The series cannot be read.</exception>
    public static SeriesDataset Open(SeriesDataConfig config, string? path = null)
    {
        // A run reads its own series again when it is resumed or evaluated.
        if (path is null && config.Source is SeriesFileConfig own && SpecialFile.IsAt(own.Path)) throw new UserException([SpecialFile.Problem(own.Path, "write it to a file first")]);
        if (path is not null) config = config with { Limit = null, Source = config.Source is SeriesFileConfig files ? files with { Path = path } : new SeriesFileConfig { Path = path } };
        switch (config.Source)
        {
            case GeneratedSeriesConfig drawn:
                if ((long)drawn.Count * drawn.Length > SeriesTable.MostValues)
                    throw new UserException([new Problem($"data.source.count ({drawn.Count}) times data.source.length ({drawn.Length}) must be at most {SeriesTable.MostValues:N0}", Path: "data.source.count")]);
                List<SeriesGenerator> series = [.. Enumerable.Range(0, drawn.Count).Select(i => new SeriesGenerator(drawn.Seed, i, drawn.Length, drawn.Noise))];
                return new SeriesDataset(config, SeriesTable.Of([.. series.Select(one => one.Values)]), series);
            case SeriesFileConfig file: return new SeriesDataset(config, SeriesTable.Read(file), null);
            default: throw new NotSupportedException($"series cannot come from {config.Source.GetType().Name}");
        }
    }

    /// <summary>The series.</summary>
    public SeriesTable Table { get; }
    /// <summary>The generator of the series; null for those from a file.</summary>
    public IReadOnlyList<SeriesGenerator>? Generators { get; }
    /// <summary>The step after the last training step.</summary>
    public int TrainEnd { get; }
    /// <summary>Training windows, one for each step.</summary>
    public SeriesWindow[] Train { get; }
    /// <summary>Validation windows.</summary>
    public SeriesWindow[] Validation { get; }
    /// <summary>Test windows.</summary>
    public SeriesWindow[] Test { get; }

    /// <summary>The same series with an earlier end of training; the steps after it are the test split.</summary>
    /// <param name="end">The step after the last training step.</param>
    internal SeriesDataset EndingAt(int end)
    {
        var shorter = config with { Validation = 0, Test = Table.Length - end, Stride = 1, Limit = null };
        var whole = new SeriesDataset(shorter, Table, Generators);
        return config.Limit < whole.Train.Length ? new SeriesDataset(shorter with { Limit = config.Limit }, Table, Generators) : whole;
    }

    /// <summary>Refuses series that are too short to train on.</summary>
    /// <exception cref="UserException">There is no training window.</exception>
    internal void RequireTraining()
    {
        if (Train.Length > 0) return;
        var needed = config.Context + config.Horizon + config.Validation + config.Test;
        throw new UserException([new Problem(Table.Length < needed
            ? $"the series have {Table.Length} steps, but data.context ({config.Context}), data.horizon ({config.Horizon}), data.validation ({config.Validation}) and data.test ({config.Test}) need {needed}"
            : "no training window has two values to see and one to forecast", Path: "data.context", Hint: "lower these settings, or use longer series")]);
    }

    /// <summary>The windows of a split.</summary>
    /// <param name="name"><c>test</c>, <c>validation</c> or <c>train</c>; null for the test split if there is one, else validation.</param>
    /// <exception cref="UserException">There are none.</exception>
    public (string Name, SeriesWindow[] Windows) Split(string? name)
    {
        name ??= Test.Length > 0 ? "test" : "validation";
        var windows = name switch { "test" => Test, "validation" => Validation, "train" => Train, _ => [] };
        if (windows.Length > 0) return (name, windows);
        var there = new[] { ("train", Train), ("validation", Validation), ("test", Test) }.Where(split => split.Item2.Length > 0).Select(split => split.Item1);
        throw new UserException($"the series have no windows in the split {name}", $"the splits with windows are {string.Join(", ", there)}; data.test and data.validation are the numbers of steps held out at the end");
    }

    /// <summary>The windows after the last step, for forecasts of the future.</summary>
    public IReadOnlyList<SeriesWindow> Ahead() => [.. Enumerable.Range(0, Table.Values.Count).Select(series => new SeriesWindow(series, Table.Length)).Where(IsSeen)];

    /// <summary>The mean absolute error of the seasonal naive forecast over a series' training steps, the denominator of MASE; NaN if there is none.</summary>
    /// <remarks>Hyndman and Koehler 2006.</remarks>
    public double ScaleOf(int series) => scales[series];

    double ScaleOf(double[] values)
    {
        var (sum, count) = (0.0, 0);
        for (var t = config.Season; t < Math.Min(values.Length, TrainEnd); t++)
        {
            var difference = Math.Abs(values[t] - values[t - config.Season]);
            if (double.IsNaN(difference)) continue;
            sum += difference;
            count++;
        }
        return count > 0 && sum > 0 ? sum / count : double.NaN;
    }

    // Starts at the first possible origin. Forecasts end before the given step; a window needs two values to see and one to forecast.
    SeriesWindow[] Windows(int first, int end, int stride)
    {
        var windows = new List<SeriesWindow>();
        var before = new int[Table.Length + 1];
        for (var series = 0; series < Table.Values.Count; series++)
        {
            // The number of values before each step.
            for (var t = 0; t < Table.Length; t++) before[t + 1] = before[t] + (double.IsNaN(Table.Values[series][t]) ? 0 : 1);
            for (var origin = first; origin + config.Horizon <= end; origin += stride)
                if (before[origin] - before[origin - config.Context] >= FewestSeen && before[origin + config.Horizon] > before[origin]) windows.Add(new SeriesWindow(series, origin));
        }
        return [.. windows];
    }

    bool IsSeen(SeriesWindow window) =>
        Table.Values[window.Series].Skip(window.Origin - config.Context).Where(value => !double.IsNaN(value)).Take(FewestSeen).Count() == FewestSeen;

    /// <summary>Normalised values of windows.</summary>
    public SeriesBatch Batch(IReadOnlyList<SeriesWindow> windows)
    {
        var batch = new SeriesBatch(windows, config.Context, config.Horizon);
        for (var row = 0; row < windows.Count; row++) batch.Fill(row, Table.Values[windows[row].Series]);
        return batch;
    }
}

/// <summary>Windows of series, each normalised by the mean and standard deviation of its context.</summary>
/// <remarks>Kim et al. 2022 (reversible instance normalisation), without the learned scale. The mean and the standard deviation do not include the steps to forecast.</remarks>
/// <param name="windows">B windows.</param>
/// <param name="context">The number of steps L that the model sees.</param>
/// <param name="horizon">The number of steps H to forecast.</param>
public sealed class SeriesBatch(IReadOnlyList<SeriesWindow> windows, int context, int horizon)
{
    /// <summary>B windows.</summary>
    public IReadOnlyList<SeriesWindow> Windows => windows;
    /// <summary>L.</summary>
    public int Context => context;
    /// <summary>H.</summary>
    public int Horizon => horizon;
    /// <summary>[B, L]: normalised; 0 where a value is missing.</summary>
    public float[] Values { get; } = new float[windows.Count * context];
    /// <summary>[B, L]: 1 where there is a value, 0 where it is missing.</summary>
    public float[] Observed { get; } = new float[windows.Count * context];
    /// <summary>[B, H]: normalised; 0 where a value is missing or not known yet.</summary>
    public float[] Target { get; } = new float[windows.Count * horizon];
    /// <summary>[B, H]: 1 where there is a value.</summary>
    public float[] Known { get; } = new float[windows.Count * horizon];
    /// <summary>The mean of each window.</summary>
    public double[] Mean { get; } = new double[windows.Count];
    /// <summary>The standard deviation of each window; if all its values are equal, their magnitude.</summary>
    public double[] Scale { get; } = new double[windows.Count];

    internal void Fill(int row, double[] series)
    {
        var origin = windows[row].Origin;
        var start = origin - context;
        var (count, sum, squares) = (0, 0.0, 0.0);
        for (var t = Math.Max(0, start); t < origin; t++)
        {
            if (double.IsNaN(series[t])) continue;
            count++;
            sum += series[t];
        }
        var mean = sum / Math.Max(1, count);
        for (var t = Math.Max(0, start); t < origin; t++)
            if (!double.IsNaN(series[t])) squares += (series[t] - mean) * (series[t] - mean);
        var deviation = Math.Sqrt(squares / Math.Max(1, count));
        // Differences below the last digits of the values are only rounding.
        if (deviation <= 1e-9 * Math.Abs(mean) || deviation == 0) deviation = mean == 0 ? 1 : Math.Abs(mean);
        (Mean[row], Scale[row]) = (mean, deviation);
        for (var i = 0; i < context; i++)
            if (start + i >= 0 && !double.IsNaN(series[start + i])) (Values[row * context + i], Observed[row * context + i]) = ((float)((series[start + i] - mean) / deviation), 1);
        for (var i = 0; i < horizon && origin + i < series.Length; i++)
            if (!double.IsNaN(series[origin + i])) (Target[row * horizon + i], Known[row * horizon + i]) = ((float)((series[origin + i] - mean) / deviation), 1);
    }

    /// <summary>A normalised value of a window, in the units of its series.</summary>
    public double Restore(int row, double value) => Mean[row] + Scale[row] * value;
}

/// <summary>Equally spaced time series, for models that forecast them.</summary>
[Kind("series")]
public sealed record SeriesDataConfig : DataConfig
{
    /// <summary>Where the series come from: a generator or a file.</summary>
    public required SeriesSourceConfig Source { get; init; }

    /// <summary>The number of steps before a forecast that the model sees.</summary>
    [Between(2, 100_000)]
    public required int Context { get; init; }

    /// <summary>The number of steps that the model forecasts.</summary>
    [Between(1, 10_000)]
    public required int Horizon { get; init; }

    /// <summary>The length of a season in steps, such as 12 for months; 1 for none. The seasonal naive forecast and MASE depend on it.</summary>
    [Between(1, 100_000)]
    public int Season { get; init; } = 1;

    /// <summary>The number of steps at the end of every series that are held out for testing.</summary>
    [Between(0, 10_000_000)]
    public int Test { get; init; }

    /// <summary>The number of steps before these that are held out for validation.</summary>
    [Between(0, 10_000_000)]
    public int Validation { get; init; }

    /// <summary>The number of steps between consecutive forecasts in validation and testing; training windows start anywhere.</summary>
    [Between(1, 1_000_000)]
    public int Stride { get; init; } = 1;

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["context", "horizon", "season"];

    /// <inheritdoc/>
    public override string HoldoutHint() => "data.validation holds out that many steps at the end of every series";
}

/// <summary>Where series come from: a generator or a file.</summary>
public abstract record SeriesSourceConfig;

/// <summary>Time series that the program generates, the same on every machine, with their best possible forecasts.</summary>
[ByKey("generator")]
public sealed record GeneratedSeriesConfig : SeriesSourceConfig
{
    /// <summary>What is generated.</summary>
    public required SeriesKind Generator { get; init; }

    /// <summary>The number of series.</summary>
    [Between(1, 100_000)]
    public int Count { get; init; } = 128;

    /// <summary>The length of each series, in steps.</summary>
    [Between(64, 1_000_000)]
    public int Length { get; init; } = 2048;

    /// <summary>The standard deviation of the noise of each value.</summary>
    [Between(0, 100)]
    public double Noise { get; init; } = 0.2;

    /// <summary>The seed of the series; separate from the run's seed, so that runs with several seeds train on the same series.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>Time series that are read from a table with one series per column and one step per row.</summary>
[ByKey("path")]
public sealed record SeriesFileConfig : SeriesSourceConfig
{
    /// <summary>A <c>.csv</c> or <c>.tsv</c> file. An empty field, <c>NA</c> or <c>NaN</c> is a missing value.</summary>
    [NotEmpty]
    public required string Path { get; init; }

    /// <summary>The timestamp column; by default the first column, if its name or its values look like timestamps.</summary>
    [NotEmpty]
    public string? Time { get; init; }

    /// <summary>The columns that are series; by default all except the timestamps.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Columns { get; init; }
}
