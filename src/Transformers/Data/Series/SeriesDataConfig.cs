using Transformers.Configs;
using Transformers.Generators;

namespace Transformers.Data.Series;

/// <summary>Equally spaced time series, for models that forecast them.</summary>
[Kind("series")]
public sealed record SeriesDataConfig : DataConfig
{
    /// <summary>Where the series come from: a generator or a file.</summary>
    public required SeriesSourceConfig Source { get; init; }

    /// <summary>The number of steps before a forecast that the model sees.</summary>
    [Between(2, 100_000)]
    public required int Context { get; init; }

    /// <summary>The number of steps that it forecasts.</summary>
    [Between(1, 10_000)]
    public required int Horizon { get; init; }

    /// <summary>The length of a season in steps, such as 12 for months; 1 for none. The seasonal naive forecast and MASE depend on it.</summary>
    [Between(1, 100_000)]
    public int Season { get; init; } = 1;

    /// <summary>The number of steps at the end of every series that are held out for the test.</summary>
    [Between(0, 10_000_000)]
    public int Test { get; init; }

    /// <summary>The number of steps before these that are held out for validation.</summary>
    [Between(0, 10_000_000)]
    public int Validation { get; init; }

    /// <summary>The number of steps between the forecasts of validation and test; training windows start anywhere.</summary>
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
