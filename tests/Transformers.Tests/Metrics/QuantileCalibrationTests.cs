namespace Transformers.Tests.Metrics;

public sealed class QuantileCalibrationTests
{
    static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    // Values of a known law, whose spread differs from case to case, and forecasts of its quantiles that are wrong in a known way.
    static (double Value, double[] Quantiles) Draw(Random random, double width, double bias)
    {
        var (centre, spread) = (10 * random.NextDouble(), 0.5 + random.NextDouble());
        return (centre + spread * Normal(random), [centre + bias - width * 1.2816 * spread, centre + bias, centre + bias + width * 1.2816 * spread]);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0.3, 0)]
    [InlineData(3, 0)]
    [InlineData(0.5, 2)]
    [InlineData(2, -4)]
    public void A_band_that_is_too_narrow_too_wide_or_beside_the_truth_holds_eight_of_ten_values_once_its_ends_are_moved(double width, double bias)
    {
        var random = new Random(1);
        var shift = QuantileCalibration.ShiftOf(Enumerable.Range(0, 4000).Select(_ => Draw(random, width, bias)).Select(one => Math.Max(one.Quantiles[0] - one.Value, one.Value - one.Quantiles[2])), 0.8);
        var fresh = Enumerable.Range(0, 20_000).Select(_ => Draw(random, width, bias)).ToList();
        Assert.InRange(fresh.Average(one => one.Value >= one.Quantiles[0] - shift && one.Value <= one.Quantiles[2] + shift ? 1.0 : 0), 0.78, 0.82);
    }

    [Fact]
    public void Bands_are_from_the_lowest_to_the_highest_quantile_inwards()
    {
        Assert.Equal(new[] { (0, 4, 0.9), (1, 3, 0.5) }, QuantileCalibration.BandsOf([0.05, 0.25, 0.5, 0.75, 0.95]).Select(band => (band.Low, band.High, Math.Round(band.Probability, 9))).ToArray());
        Assert.Empty(QuantileCalibration.BandsOf([0.5]));
    }

    [Theory]
    [InlineData(9, 0.9)]
    [InlineData(9, 0.1)]
    [InlineData(14, 0.9)]
    [InlineData(4, 0.5)]
    public void However_few_the_distances_a_new_one_is_below_as_often_as_the_probability_says(int count, double probability)
    {
        var random = new Random(2);
        var below = Enumerable.Range(0, 40_000).Average(_ => random.NextDouble() <= QuantileCalibration.ShiftOf(Enumerable.Range(0, count).Select(_ => random.NextDouble()), probability) ? 1.0 : 0);
        Assert.InRange(below, probability - 0.01, probability + 0.01);
    }

    [Theory]
    [InlineData(4, 0.8)]
    [InlineData(1, 0.5)]
    [InlineData(19, 0.95)]
    public void To_be_as_rare_as_what_is_outside_a_band_takes_so_many(int fewest, double probability) =>
        Assert.Equal(fewest, QuantileCalibration.FewestDistances(probability));
}
