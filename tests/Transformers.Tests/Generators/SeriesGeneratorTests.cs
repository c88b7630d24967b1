namespace Transformers.Tests.Generators;

public sealed class SeriesGeneratorTests
{
    static readonly double[] Quantiles = [0.1, 0.5, 0.9];

    [Fact]
    public void A_longer_series_begins_with_the_same_values_and_other_series_differ()
    {
        var (shorter, longer) = (new SeriesGenerator(1, 3, 500, 0.2).Values, new SeriesGenerator(1, 3, 900, 0.2).Values);
        Assert.Equal(shorter, longer[..500]);
        Assert.NotEqual(shorter, new SeriesGenerator(1, 4, 500, 0.2).Values);
        Assert.NotEqual(shorter, new SeriesGenerator(2, 3, 500, 0.2).Values);
    }

    [Fact]
    public void Of_the_values_that_come_the_best_forecast_has_a_tenth_below_and_above_its_band_and_half_below_its_median()
    {
        var (below, middle, above, steps, bias) = (0, 0, 0, 0, 0.0);
        foreach (var (_, actual, forecast) in Forecasts())
        {
            steps++;
            if (actual < forecast[1]) below++;
            if (actual < forecast[2]) middle++;
            if (actual > forecast[3]) above++;
            bias += actual - forecast[0];
        }
        Assert.InRange((double)below / steps, 0.08, 0.12);
        Assert.InRange((double)middle / steps, 0.47, 0.53);
        Assert.InRange((double)above / steps, 0.08, 0.12);
        Assert.InRange(bias / steps, -0.02, 0.02);
    }

    [Trait("Category", "slow")]
    [Fact]
    public void No_change_of_the_best_forecast_makes_it_better()
    {
        double Mae(Func<int, double, double> changed) => Forecasts().Average(one => Math.Abs(one.Actual - changed(one.Step, one.Forecast[2])));
        var best = Mae((_, value) => value);
        Assert.True(best < Mae((_, value) => value + 0.05));
        Assert.True(best < Mae((_, value) => value - 0.05));
        Assert.True(best < Mae((step, value) => value + 0.01 * step));
        // Nothing is below the noise: a normal error of deviation 0.2 has a mean absolute value of 0.16.
        Assert.InRange(best, 0.2 * Math.Sqrt(2 / Math.PI), 0.3);
    }

    static IEnumerable<(int Step, double Actual, double[] Forecast)> Forecasts()
    {
        for (var index = 0; index < 20; index++)
        {
            var series = new SeriesGenerator(7, index, 1000, 0.2);
            for (var origin = 200; origin + 24 <= 1000; origin += 31)
                foreach (var (h, forecast) in series.BestForecast(origin, 24, Quantiles).Index()) yield return (h, series.Values[origin + h], forecast);
        }
    }
}
