using System.ComponentModel;

namespace Transformers.Tests.Kinds;

/// <summary>Two classics of forecasting, which come with R (Debian's r-base-core).</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class MonthlySeriesTests : TinyRunTest
{
    [Theory]
    [InlineData("AirPassengers")]
    [InlineData("co2")]
    public void The_last_two_years_are_forecast_better_than_by_the_last_season_in_a_band_of_the_right_width_as_the_mean_of_six_seeds(string name)
    {
        Assert.SkipUnless(Export(name, runs.PathOf("months.csv")), $"R is not installed, and has the series {name}: apt-get install r-base-core");
        var (own, naive, coverage) = (0.0, 0.0, 0.0);
        // Those of the ready-made config with --seeds 3, and three more: single seeds may be outside the bounds.
        int[] seeds = [1337, 1338, 1339, 1, 2, 3];
        foreach (var seed in seeds)
        {
            var config = DataOverride.Apply(ConfigFile.Load<RunConfig>([Repository.PathOf("configs", "series-monthly.yaml")], [$"seed={seed}", "training.precision=fp32"]), runs.PathOf("months.csv"));
            runs.Train(config, $"run-{seed}");
            var run = TrainedRun.Open(runs.PathOf($"run-{seed}"));
            var metrics = Kind.For(run).Evaluate(run, "run", new EvaluationOptions()).Metrics;
            (own, naive, coverage) = (own + metrics["mae"] / seeds.Length, metrics["seasonal_naive_mae"], coverage + metrics["coverage"] / seeds.Length);
        }
        Assert.True(own < naive, $"{name}: {own} and {naive}");
        Assert.InRange(coverage, 0.75, 0.85);
    }

    static bool Export(string name, string path)
    {
        try
        {
            using var r = Process.Start(new ProcessStartInfo("Rscript", ["-e", $"write.csv(data.frame(time = as.numeric(time({name})), value = as.numeric({name})), '{path}', row.names = FALSE)"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            r.WaitForExit();
            return r.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
