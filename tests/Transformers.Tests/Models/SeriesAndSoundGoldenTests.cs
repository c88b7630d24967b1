using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>Models of series and sound against tests/Golden/series_sound.py.</summary>
[Collection("engine")]
public sealed class SeriesAndSoundGoldenTests : TensorTest
{
    [Theory]
    [InlineData("patchtst", 3)]
    [InlineData("patchtst-overlap", 1)]
    [InlineData("series-decoder", 1)]
    public void Forecasts_losses_and_gradients_equal_those_of_an_independent_implementation(string name, int season)
    {
        using var golden = new GoldenFile(name);
        var model = SeriesModel.Create((ForecasterConfig)golden.Config, new SeriesShape(24, 5, season));
        golden.FillWeights(model);

        GoldenFile.Close(golden["forecast"], model.Forecast(golden["values"], golden["observed"]), 1e-5, "forecast");
        var (loss, forecast) = model.Loss(golden["values"], golden["observed"], golden["target"], golden["known"]);
        GoldenFile.Close(golden["forecast"], forecast, 1e-5, "forecast with the loss");
        GoldenFile.Close(golden["loss"], loss.Objective, 1e-5, "loss");
        Gradients.Backward(loss.Objective);
        foreach (var (parameter, tensor) in model.named_parameters())
            GoldenFile.Close(golden["gradient." + parameter], tensor.grad!, 2e-5, $"gradient of {parameter}");
    }

    [Theory]
    [InlineData("ast", 12)]
    [InlineData("ast-overlap", 13)]
    public void Logits_and_gradients_of_sounds_equal_those_of_an_independent_implementation(string name, int frames)
    {
        using var golden = new GoldenFile(name);
        var model = new Ast((AstConfig)golden.Config, new SoundShape(frames, 16, 5));
        golden.FillWeights(model);

        var logits = model.call(golden["input"]);
        GoldenFile.Close(golden["logits"], logits, 1e-5, "logits");
        Gradients.Backward(nn.functional.cross_entropy(logits, golden["labels"]));
        foreach (var (parameter, tensor) in model.named_parameters())
            GoldenFile.Close(golden["gradient." + parameter], tensor.grad!, 2e-5, $"gradient of {parameter}");
    }

    [Fact]
    public void The_spectrogram_is_that_of_the_definition()
    {
        using var golden = new GoldenFile("log-mel");
        using var front = new LogMel(128, CPU);
        GoldenFile.Close(golden["spectrogram"], front.Of(golden["samples"]), 1e-4, "spectrogram");
    }
}
