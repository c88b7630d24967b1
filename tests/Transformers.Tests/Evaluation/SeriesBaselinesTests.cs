namespace Transformers.Tests.Evaluation;

[Collection("engine")]
public sealed class SeriesBaselinesTests : TempFolderTest
{
    (SeriesDataset Series, SeriesDataConfig Config) Open(Func<int, double> value, int length = 200)
    {
        folder.Write("a.csv", "x\n" + string.Join('\n', Enumerable.Range(0, length).Select(i => double.IsNaN(value(i)) ? "NA" : FormattableString.Invariant($"{value(i)}"))) + "\n");
        var config = new SeriesDataConfig { Source = new SeriesFileConfig { Path = folder["a.csv"] }, Context = 12, Horizon = 6, Season = 4, Test = 20 };
        return (SeriesDataset.Open(config), config);
    }

    [Fact]
    public void The_naive_forecasts_repeat_the_last_value_and_the_last_season()
    {
        var (series, config) = Open(i => i);
        var window = new SeriesWindow(0, 190);
        Assert.Equal([189, 189, 189, 189, 189, 189], SeriesBaselines.Naive(series, window, config));
        Assert.Equal([186, 187, 188, 189, 186, 187], SeriesBaselines.SeasonalNaive(series, window, config));
    }

    [Fact]
    public void A_season_that_is_longer_than_the_context_is_repeated_all_the_same()
    {
        var (series, config) = Open(i => i);
        Assert.Equal([170, 171, 172, 173, 174, 175], SeriesBaselines.SeasonalNaive(series, new SeriesWindow(0, 190), config with { Season = 20 }));
    }

    [Fact]
    public void A_missing_value_is_that_of_the_season_before()
    {
        var (series, config) = Open(i => i is 189 or 186 ? double.NaN : i);
        var window = new SeriesWindow(0, 190);
        Assert.Equal(188, SeriesBaselines.Naive(series, window, config)[0]);
        Assert.Equal([182, 187, 188, 185, 182, 187], SeriesBaselines.SeasonalNaive(series, window, config));
    }

    [Fact]
    public void The_linear_forecaster_continues_what_is_linear()
    {
        var (series, config) = Open(i => 3 * i + 5 * Math.Sin(i * Math.PI / 2));
        var batch = series.Batch([new SeriesWindow(0, 190)]);
        var forecast = LinearForecaster.Fit(series)!.Forecast(batch, 0);
        for (var h = 0; h < 6; h++) Assert.Equal(3 * (190 + h) + 5 * Math.Sin((190 + h) * Math.PI / 2), forecast[h], 0.05);
    }

    [Fact]
    public void Without_enough_windows_there_is_no_linear_forecaster() => Assert.Null(LinearForecaster.Fit(Open(i => i, length: 40).Series));

    // A system of as many equations would not be solved in the time of a training.
    [Fact]
    public void For_a_long_context_there_is_no_linear_forecaster()
    {
        var config = new SeriesDataConfig { Source = new GeneratedSeriesConfig { Generator = SeriesKind.Regimes, Count = 1, Length = 2100 }, Context = 2001, Horizon = 2, Season = 24, Test = 20 };
        Assert.Null(LinearForecaster.Fit(SeriesDataset.Open(config)));
        Assert.NotNull(LinearForecaster.Fit(SeriesDataset.Open(config with { Context = 100 })));
    }

    [Theory]
    [InlineData(40, false)]
    [InlineData(200, false)]
    [InlineData(200, true)]
    public void The_scores_are_those_that_are_named_before(int length, bool still)
    {
        var (series, config) = Open(i => still ? 3 : i % 7, length);
        var names = SeriesComparison.Names(series, 1);
        Assert.Equal((length > 40, !still), (names.Contains("linear_mae"), names.Contains("mase")));
        Assert.Equal(names.Order(), SeriesComparison.Of(series, series.Test, config, [0.5], series.Test.Select(_ => Enumerable.Range(0, 6).Select(_ => (double[])[1, 1]).ToArray())).Keys.Order());
    }

    [Fact]
    public void On_generated_series_the_linear_forecaster_is_a_tenth_and_more_above_the_best_possible_and_better_than_the_naive_ones()
    {
        var config = new SeriesDataConfig { Source = new GeneratedSeriesConfig { Generator = SeriesKind.Regimes, Count = 16, Length = 1200 }, Context = 96, Horizon = 24, Season = 24, Test = 200, Stride = 7 };
        var series = SeriesDataset.Open(config);
        double[] quantiles = [0.1, 0.5, 0.9];
        var scores = SeriesComparison.Of(series, series.Test, config, quantiles, series.Test.Select(window => series.Generators![window.Series].BestForecast(window.Origin, 24, quantiles)));
        Assert.Equal(scores["mae"], scores["best_mae"]);
        Assert.True(scores["linear_mae"] > 1.1 * scores["best_mae"], $"linear {scores["linear_mae"]}, best {scores["best_mae"]}");
        Assert.True(scores["linear_mae"] < Math.Min(scores["naive_mae"], scores["seasonal_naive_mae"]));
        Assert.InRange(scores["coverage"], 0.75, 0.85);
        Assert.Empty(scores.Keys.Except(SeriesComparison.Names(series, 3)));
        Assert.Equal(SeriesComparison.Names(series, 3).Order(), scores.Keys.Order());
    }
}
