namespace Transformers.Tests.Metrics;

public sealed class ForecastScoresTests
{
    [Fact]
    public void Scores_are_those_of_their_definitions()
    {
        var scores = new ForecastScores([0.1, 0.5, 0.9]);
        scores.Add(10, 12, [8, 11, 14], scale: 2);
        scores.Add(20, 19, [18, 18.5, 19.5], scale: 2);
        scores.Add(double.NaN, 0, [0, 0, 0], scale: 2);
        Assert.Equal(2, scores.Steps);
        Assert.Equal((1 + 1.5) / 2, scores.Mae, 1e-12);
        Assert.Equal((4 + 1) / 2.0, scores.Mse, 1e-12);
        Assert.Equal((1 + 1.5) / 4, scores.Mase, 1e-12);
        Assert.Equal(0.5, scores.Coverage);
        // 10: 0.1·2, 0.5·1, 0.1·4; 20: 0.1·2, 0.5·1.5, 0.9·0.5
        Assert.Equal((0.2 + 0.5 + 0.4 + 0.2 + 0.75 + 0.45) / 6, scores.QuantileLoss, 1e-12);
    }

    [Fact]
    public void A_forecast_of_one_number_is_its_own_quantiles()
    {
        var scores = new ForecastScores([0.1, 0.5, 0.9]);
        scores.Add(10, 12, [], double.NaN);
        Assert.Equal((0.9 * 2 + 0.5 * 2 + 0.1 * 2) / 3, scores.QuantileLoss, 1e-12);
        Assert.Equal(["naive_mae", "naive_mse", "naive_quantile_loss"], scores.Named("naive_", band: false).Select(one => one.Key));
    }
}
