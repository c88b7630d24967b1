using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>ViT and Swin against tests/Golden/vision_models.py.</summary>
[Collection("engine")]
public sealed class VisionGoldenTests
{
    [Theory]
    [InlineData("vit-cls")]
    [InlineData("vit-mean")]
    [InlineData("vit-resized")]
    [InlineData("vit-pixels")]
    [InlineData("swin-even")]
    [InlineData("swin-odd-zeros")]
    [InlineData("swin-odd-masked")]
    public void Logits_and_gradients_equal_those_of_an_independent_implementation(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenFile(name);
        nn.Module<Tensor, Tensor> model = golden.Config switch
        {
            VitConfig vit => new Vit(vit, ImageShape.Of(vit)),
            SwinConfig swin => new Swin(swin, ImageShape.Of(swin)),
            var other => throw new InvalidOperationException($"{other}"),
        };
        golden.FillWeights(model);

        var logits = model.call(golden["input"]);
        GoldenFile.Close(golden["logits"], logits, 1e-5, "logits");
        var loss = nn.functional.cross_entropy(logits, golden["labels"]);
        GoldenFile.Close(golden["loss"], loss, 1e-5, "loss");
        Gradients.Backward(loss);
        foreach (var (parameter, tensor) in model.named_parameters())
            GoldenFile.Close(golden["gradient." + parameter], tensor.grad!, 1e-5, $"gradient of {parameter}");
    }
}
