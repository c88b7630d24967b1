using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public sealed class SeriesModelTests : TensorTest
{
    const string Encoder = "model: { kind: patchtst, patch: 4, layers: 2, heads: 2, width: 8, baseline: season, init: { kind: xavier } }";
    const string Decoder = "model: { kind: series_decoder, patch: 4, layers: 2, heads: 2, width: 8, baseline: season, init: { kind: xavier } }";
    static readonly SeriesShape Shape = new(24, 6, 6);

    static SeriesModel Create(string config)
    {
        using var generator = new Generator(3);
        return SeriesModel.Create((ForecasterConfig)ConfigFile.Parse<ModelFragment>(config).Model, Shape, generator);
    }

    [Theory]
    [InlineData(Encoder)]
    [InlineData(Decoder)]
    public void What_is_stored_for_a_missing_value_changes_nothing(string config)
    {
        using var model = Create(config);
        var (values, observed, target, known) = (randn(2, 24), ones(2, 24), randn(2, 6), ones(2, 6));
        observed[0, 20] = 0;
        known[1, 2] = 0;
        var (before, first) = (model.Loss(values, observed, target, known).Loss.Objective.item<float>(), model.Forecast(values, observed));
        (values[0, 20], target[1, 2]) = (float.NaN, float.PositiveInfinity);
        Assert.Equal(before, model.Loss(values, observed, target, known).Loss.Objective.item<float>());
        Assert.True(first.eq(model.Forecast(values, observed)).all().item<bool>());
        values[0, 21] = 5;
        Assert.False(first[0].eq(model.Forecast(values, observed)[0]).all().item<bool>());
    }

    [Theory]
    [InlineData(Encoder)]
    [InlineData(Decoder)]
    public void A_forecast_depends_on_its_own_series_and_not_on_what_comes(string config)
    {
        using var model = Create(config);
        model.eval();
        var (values, observed) = (randn(2, 24), ones(2, 24));
        var before = model.Loss(values, observed, randn(2, 6), ones(2, 6)).Forecast;
        values[1] = randn(24);
        var after = model.Loss(values, observed, randn(2, 6), ones(2, 6)).Forecast;
        Assert.True(before[0].eq(after[0]).all().item<bool>());
        Assert.False(before[1].eq(after[1]).all().item<bool>());
    }

    [Fact]
    public void A_decoder_that_trains_sees_no_patch_after_the_one_that_forecasts()
    {
        using var model = Create(Decoder);
        var (values, observed, target, known) = (randn(1, 24).requires_grad_(), ones(1, 24), randn(1, 6), zeros(1, 6));
        // Only the forecast of the first patch has targets: 4 to 9 are observed, and nothing else is.
        observed[0, 10..] = 0;
        model.Loss(values, observed, target, known).Loss.Objective.backward();
        var gradient = values.grad!;
        Assert.True(gradient[0, ..4].abs().sum().item<float>() > 0);
        Assert.Equal(0, gradient[0, 10..].abs().sum().item<float>());
    }

    [Trait("Category", "slow")]
    [Fact]
    public void The_mean_learns_the_mean_and_the_quantiles_the_quantiles()
    {
        using var model = Create(Encoder);
        manual_seed(1);
        var sample = (-rand(20_000)).add(1).log().neg().unsqueeze(1);                    // exponential: mean 1, quantiles -ln(1 - q)
        var forecast = zeros(1, 4).requires_grad_();
        for (var step = 0; step < 800; step++)
        {
            using var inner = NewDisposeScope();
            model.LossOf(forecast.unsqueeze(1).expand(20_000, 1, 4), sample, ones(20_000, 1)).mean().backward();
            using (no_grad()) forecast.sub_(forecast.grad! * 0.2);
            forecast.grad!.zero_();
        }
        double[] expected = [1, -Math.Log(0.9), Math.Log(2), -Math.Log(0.1)];
        for (var i = 0; i < 4; i++) Assert.Equal(expected[i], forecast[0, i].item<float>(), 0.05);
    }
}
