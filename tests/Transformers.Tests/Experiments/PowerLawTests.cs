using Transformers.Experiments;

namespace Transformers.Tests.Experiments;

public sealed class PowerLawTests
{
    static readonly double[] Sizes = [100, 200, 400, 800, 1600, 3200, 6400];

    static List<(double, double)> Points(PowerLaw law, double noise = 0, ulong seed = 1, int seeds = 3, double[]? sizes = null)
    {
        var random = new SampleRandom(seed, 9);
        return [.. (sizes ?? Sizes).SelectMany(n => Enumerable.Range(0, seeds).Select(_ => (n, law.At(n) + noise * random.Normal())))];
    }

    [Theory]
    [InlineData(0.02, 3.0, 0.5)]
    [InlineData(0.0, 2.0, 0.35)]
    [InlineData(1.5, 40.0, 0.9)]
    [InlineData(0.3, 1000.0, 1.7)]
    public void A_known_law_is_recovered_from_its_points(double a, double b, double alpha)
    {
        var fit = PowerLawFit.Of(Points(new PowerLaw(a, b, alpha)))!;
        Assert.Equal(alpha, fit.Law.Alpha, 1e-3);
        Assert.Equal(b, fit.Law.B, 1e-2 * b);
        Assert.Equal(a, fit.Law.A, 1e-3);
        Assert.Equal(0, fit.Deviation, 1e-6);
        Assert.Equal(21, fit.Points);
    }

    [Trait("Category", "slow")]
    [Fact]
    public void The_intervals_hold_the_truth_as_often_as_they_say()
    {
        var law = new PowerLaw(0.05, 2, 0.5);
        var (alpha, value, wide) = (0, 0, 0);
        const int trials = 60;
        for (var trial = 0UL; trial < trials; trial++)
        {
            var fit = PowerLawFit.Of(Points(law, noise: 0.01, seed: 100 + trial), seed: trial)!;
            if (fit.Alpha.Low <= law.Alpha && law.Alpha <= fit.Alpha.High) alpha++;
            // Ten times beyond the points.
            var far = fit.At(64_000);
            if (far.Low <= law.At(64_000) && law.At(64_000) <= far.High) value++;
            if (far.High - far.Low > fit.At(1600).High - fit.At(1600).Low) wide++;
        }
        // Of 60 intervals of 95 %, at least 51 hold the truth but for a chance of about one in 250.
        Assert.True(alpha >= 51, $"α is in {alpha} of {trials} intervals");
        Assert.True(value >= 51, $"the value is in {value} of {trials} intervals");
        Assert.Equal(trials, wide);
    }

    [Fact]
    public void More_noise_widens_the_intervals()
    {
        var law = new PowerLaw(0.05, 2, 0.5);
        double Width(double noise) => PowerLawFit.Of(Points(law, noise))!.Alpha is var alpha ? alpha.High!.Value - alpha.Low : 0;
        Assert.True(Width(0.02) > 3 * Width(0.002));
    }

    [Fact]
    public void With_three_sizes_nothing_remains_and_with_fewer_there_is_no_fit()
    {
        double[] three = [100, 1000, 10_000];
        var fit = PowerLawFit.Of(Points(new PowerLaw(0, 3, 0.4), sizes: three))!;
        Assert.False(fit.HasConstant);
        Assert.Equal((0.0, 0.4), (fit.Law.A, Math.Round(fit.Law.Alpha, 6)));
        Assert.Null(PowerLawFit.Of(Points(new PowerLaw(0, 3, 0.4), sizes: [100, 1000])));
        Assert.Null(PowerLawFit.Of([.. Sizes.Select(n => (n, 0.1 * n))]));
        Assert.Null(PowerLawFit.Of([.. Sizes.Select(n => (n, 0.9))]));
        Assert.Null(PowerLawFit.Of([(100, 1), (200, double.NaN), (300, 0.5), (400, 0.4)]));
    }

    [Trait("Category", "slow")]
    [Fact]
    public void Laws_cross_where_their_values_are_equal_with_an_interval_around_it()
    {
        var (slow, fast) = (new PowerLaw(0.02, 1, 0.3), new PowerLaw(0.02, 10, 0.6));
        // b₁·N^−α₁ = b₂·N^−α₂ at (b₂/b₁)^(1/(α₂ − α₁)).
        var truth = Math.Pow(10, 1 / 0.3);
        var (at, fraction) = PowerLawFit.Crossing(PowerLawFit.Of(Points(slow))!, PowerLawFit.Of(Points(fast))!, 100, 1e6);
        Assert.Equal(truth, at!.Value, 0.01 * truth);
        Assert.Equal(1, fraction);

        var (noisy, some) = PowerLawFit.Crossing(PowerLawFit.Of(Points(slow, 0.01))!, PowerLawFit.Of(Points(fast, 0.01, seed: 2), seed: 2)!, 100, 1e6);
        Assert.True(noisy!.Low < truth && (noisy.High is null || truth < noisy.High), $"{noisy}");
        Assert.InRange(some, 0.5, 1);

        var (never, none) = PowerLawFit.Crossing(PowerLawFit.Of(Points(new PowerLaw(0.1, 2, 0.5)))!, PowerLawFit.Of(Points(new PowerLaw(0.05, 1, 0.5)))!, 100, 1e6);
        Assert.Null(never);
        Assert.Equal(0, none);
    }
}
