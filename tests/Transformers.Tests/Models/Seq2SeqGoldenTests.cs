using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>PyTorch's own transformer layers, by tests/Golden/seq2seq.py.</summary>
[Collection("engine")]
public class Seq2SeqGoldenTests
{
    [Theory]
    [InlineData("post", NormPlacement.Post)]
    [InlineData("pre", NormPlacement.Pre)]
    public void Logits_loss_and_gradients_equal_PyTorchs(string name, NormPlacement placement)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Repository.Golden("data", $"seq2seq-{name}.safetensors"));
        var config = new Seq2SeqConfig
        {
            Layers = 2, Heads = 3, Width = 12, Dropout = 0, FeedForward = new ReluConfig { Width = 20 }, Norm = new LayerNormConfig { Placement = placement },
        };
        var model = new Seq2Seq(config, 13, 13, shared: true);
        var parameters = model.named_parameters().ToList();
        using (no_grad())
            foreach (var (parameter, weight) in parameters) weight.copy_(Get(parameter));
        Assert.Equal(parameters.Count, file.Tensors.Count(tensor => tensor.Name.StartsWith("gradient.", StringComparison.Ordinal)));

        var labels = Get("in.labels");
        var logits = model.forward(Get("in.source"), Get("in.target"), PaddingMask.Of([5, 3, 4], 5, CPU));
        // Where a target is padding, PyTorch's numbers and these may differ: nobody reads them.
        var read = labels.ne(-100).unsqueeze(-1);
        Assert.True(((logits - Get("out.logits")) * read).abs().max().item<float>() < 1e-5);
        var loss = nn.functional.cross_entropy(logits.view(-1, 13), labels.view(-1), ignore_index: -100, reduction: nn.Reduction.Sum);
        Assert.Equal(Get("out.loss").item<float>(), loss.item<float>(), 1e-4f);
        Gradients.Backward(loss);
        foreach (var (parameter, weight) in parameters)
        {
            var difference = (weight.grad! - Get("gradient." + parameter)).abs().max().item<float>();
            Assert.True(difference < 1e-5 * Math.Max(1, weight.grad!.abs().max().item<float>()), $"{parameter}: {difference}");
        }

        Tensor Get(string tensor) => ModelTensors.Load(file, file.Tensors.First(one => CurrentName(one.Name) == tensor), file.Path);
        static string CurrentName(string name) => name.StartsWith("gradient.", StringComparison.Ordinal) ? $"gradient.{TensorNames.Current(name["gradient.".Length..])}" : TensorNames.Current(name);
    }
}
