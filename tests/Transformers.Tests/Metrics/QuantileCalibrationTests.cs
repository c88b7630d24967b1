using Transformers.Metrics;

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
    public void Quantiles_that_are_too_near_too_far_or_beside_the_truth_hold_what_they_say_once_moved(double width, double bias)
    {
        var random = new Random(1);
        double[] probabilities = [0.1, 0.5, 0.9];
        var errors = Enumerable.Range(0, 4000).Select(_ => Draw(random, width, bias)).Select(one => one.Quantiles.Select(quantile => one.Value - quantile).ToArray()).ToList();
        var shifts = probabilities.Select((probability, q) => QuantileCalibration.ShiftOf(errors.Select(error => error[q]), probability)).ToArray();

        var fresh = Enumerable.Range(0, 20_000).Select(_ => Draw(random, width, bias)).ToList();
        for (var q = 0; q < 3; q++)
            Assert.InRange(fresh.Average(one => one.Value <= one.Quantiles[q] + shifts[q] ? 1.0 : 0), probabilities[q] - 0.015, probabilities[q] + 0.015);
        Assert.InRange(fresh.Average(one => one.Value >= one.Quantiles[0] + shifts[0] && one.Value <= one.Quantiles[2] + shifts[2] ? 1.0 : 0), 0.78, 0.82);
    }

    [Theory]
    [InlineData(9, 0.9)]
    [InlineData(9, 0.1)]
    [InlineData(14, 0.9)]
    [InlineData(4, 0.5)]
    public void However_few_the_errors_a_new_one_lies_below_as_often_as_the_probability_says(int count, double probability)
    {
        var random = new Random(2);
        var below = Enumerable.Range(0, 40_000).Average(_ => random.NextDouble() <= QuantileCalibration.ShiftOf(Enumerable.Range(0, count).Select(_ => random.NextDouble()), probability) ? 1.0 : 0);
        Assert.InRange(below, probability - 0.01, probability + 0.01);
    }

    [Theory]
    [InlineData(9, 0.1, 0.5, 0.9)]
    [InlineData(1, 0.5)]
    [InlineData(19, 0.05, 0.9)]
    [InlineData(99, 0.5, 0.99)]
    public void An_error_as_rare_as_a_quantile_needs_so_many(int fewest, params double[] probabilities) =>
        Assert.Equal(fewest, QuantileCalibration.FewestErrors(probabilities));
}
