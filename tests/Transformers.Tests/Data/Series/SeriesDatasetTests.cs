namespace Transformers.Tests.Data.Series;

public sealed class SeriesDatasetTests : TempFolderTest
{
    static SeriesDataConfig Config(SeriesSourceConfig source) => new() { Source = source, Context = 10, Horizon = 4, Season = 2, Validation = 6, Test = 8, Stride = 2 };

    SeriesDataset Open(params IEnumerable<double>[] columns)
    {
        var rows = columns[0].Select((_, row) => string.Join(',', columns.Select(column => double.IsNaN(column.ElementAt(row)) ? "NA" : FormattableString.Invariant($"{column.ElementAt(row)}"))));
        folder.Write("a.csv", string.Join(',', columns.Select((_, i) => $"c{i}")) + "\n" + string.Join('\n', rows) + "\n");
        return SeriesDataset.Open(Config(new SeriesFileConfig { Path = folder["a.csv"] }));
    }

    [Fact]
    public void Splits_follow_in_time_and_no_forecast_step_is_in_two()
    {
        var series = Open(Enumerable.Range(0, 40).Select(i => (double)i));
        Assert.Equal(26, series.TrainEnd);
        Assert.Equal([10, .. Enumerable.Range(11, 12)], series.Train.Select(window => window.Origin));
        Assert.Equal([26, 28], series.Validation.Select(window => window.Origin));
        Assert.Equal([32, 34, 36], series.Test.Select(window => window.Origin));
        Assert.Equal([40], series.Ahead().Select(window => window.Origin));
    }

    [Fact]
    public void A_window_is_normalised_by_what_the_model_sees_of_it_alone()
    {
        var values = Enumerable.Range(0, 40).Select(i => 1000 + i % 5 + (i >= 30 ? 1e6 : 0)).ToArray();
        var batch = Open(values).Batch([new SeriesWindow(0, 28)]);
        Assert.Equal(values[18..28].Average(), batch.Mean[0], 1e-9);
        Assert.Equal(0, batch.Values.Average(), 1e-5);
        Assert.Equal(1, batch.Values.Average(value => value * value), 1e-5);
        for (var h = 0; h < 4; h++) Assert.Equal(values[28 + h], batch.Restore(0, batch.Target[h]), 0.1);
    }

    [Fact]
    public void Missing_values_are_marked_and_count_for_nothing()
    {
        var values = Enumerable.Range(0, 40).Select(i => (double)(i % 7)).ToArray();
        (values[20], values[29]) = (double.NaN, double.NaN);
        var batch = Open(values).Batch([new SeriesWindow(0, 28)]);
        Assert.Equal(values[18..28].Where(value => !double.IsNaN(value)).Average(), batch.Mean[0], 1e-9);
        Assert.Equal((0f, 0f), (batch.Values[2], batch.Observed[2]));
        Assert.Equal((0f, 0f), (batch.Target[1], batch.Known[1]));
        Assert.Equal((9f, 3f), (batch.Observed.Sum(), batch.Known.Sum()));
    }

    [Fact]
    public void A_window_without_values_to_see_or_to_forecast_is_left_out()
    {
        var series = Open(Enumerable.Range(0, 40).Select(i => i < 25 ? double.NaN : i), Enumerable.Range(0, 40).Select(i => i >= 30 ? double.NaN : i));
        Assert.DoesNotContain(series.Train, window => window.Series == 0);
        Assert.All(series.Test, window => Assert.Equal(0, window.Series));
        Assert.Equal([0], series.Ahead().Select(window => window.Series));
    }

    [Fact]
    public void A_constant_series_keeps_its_value()
    {
        var batch = Open(Enumerable.Repeat(7.0, 40)).Batch([new SeriesWindow(0, 28)]);
        Assert.All(batch.Values, value => Assert.Equal(0, value));
        Assert.Equal(7, batch.Restore(0, 0));
    }

    [Fact]
    public void Series_that_are_too_short_say_how_long_they_must_be()
    {
        var series = Open(Enumerable.Range(0, 20).Select(i => (double)i));
        var message = Assert.Throws<UserException>(series.RequireTraining).Message;
        Assert.Contains("the series have 20 steps", message);
        Assert.Contains("need 28", message);
        Assert.Contains("the splits with windows are test", Assert.Throws<UserException>(() => series.Split("train")).Message);
    }

    [Fact]
    public void Mase_divides_by_the_seasonal_naive_error_of_the_training_steps()
    {
        var values = Enumerable.Range(0, 40).Select(i => i < 26 ? i % 2 * 5.0 + i / 2 : 1e9).ToArray();
        Assert.Equal(1, Open(values).ScaleOf(0), 1e-9);
    }

    [Fact]
    public void Generated_series_know_what_drew_them()
    {
        var series = SeriesDataset.Open(Config(new GeneratedSeriesConfig { Generator = SeriesKind.Regimes, Count = 3, Length = 100 }));
        Assert.Equal(3, series.Generators!.Count);
        Assert.Equal(series.Generators[2].Values, series.Table.Values[2]);
    }
}
