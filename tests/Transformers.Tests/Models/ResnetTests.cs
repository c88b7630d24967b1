using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>The residual network against tests/Golden/resnet.py, and its laws.</summary>
[Collection("engine")]
public sealed class ResnetTests : TensorTest
{
    [Theory]
    [InlineData("resnet-even")]
    [InlineData("resnet-odd")]
    public void Logits_gradients_and_running_statistics_equal_those_of_an_independent_implementation(string name)
    {
        using var golden = new GoldenFile(name);
        var config = (ResnetConfig)golden.Config;
        var model = new Resnet(config, ImageShape.Of(config));
        golden.FillWeights(model);
        using (no_grad())
            foreach (var (buffer, tensor) in model.named_buffers()) tensor.copy_(golden["before." + buffer]);

        model.train();
        var logits = model.call(golden["input"]);
        GoldenFile.Close(golden["logits"], logits, 1e-5, "logits");
        var loss = nn.functional.cross_entropy(logits, golden["labels"]);
        GoldenFile.Close(golden["loss"], loss, 1e-5, "loss");
        Gradients.Backward(loss);
        foreach (var (parameter, tensor) in model.named_parameters())
            GoldenFile.Close(golden["gradient." + parameter], tensor.grad!, 2e-5, $"gradient of {parameter}");
        var buffers = model.named_buffers().ToList();
        Assert.Equal(2 * (1 + 2 * config.Layers.Sum()), buffers.Count);
        foreach (var (buffer, tensor) in buffers) GoldenFile.Close(golden["after." + buffer], tensor, 1e-5, buffer);

        model.eval();
        GoldenFile.Close(golden["evaluated"], model.call(golden["input"]), 1e-5, "logits with running statistics");
        foreach (var (buffer, tensor) in model.named_buffers()) GoldenFile.Close(golden["after." + buffer], tensor, 1e-5, $"{buffer} after evaluation");
    }

    // In 64 bits, libtorch has a convolution of its own; in fewer it takes a library's, which computes blocks of channels.
    [Theory]
    [InlineData(Precision.Fp32, 1e-5)]
    [InlineData(Precision.Bf16, 0.02)]
    public void A_convolution_of_any_number_of_channels_equals_that_in_64_bits_forwards_and_backwards(Precision precision, double tolerance)
    {
        manual_seed(7);
        foreach (var (inputs, outputs, stride) in new[] { (1, 4, 1), (3, 16, 1), (4, 4, 1), (4, 8, 2), (12, 20, 1), (16, 16, 1), (16, 32, 2) })
            for (var again = 0; again < 5; again++)
            {
                var convolution = new Convolution(inputs, outputs, stride: stride);
                Precisions.Apply(convolution, precision);
                var kernel = convolution.named_parameters().Single().parameter;
                using (no_grad()) kernel.copy_(randn_like(kernel).to(ScalarType.BFloat16));
                var x = randn(3, inputs, 8, 8).to(ScalarType.BFloat16).to(ScalarType.Float32).requires_grad_(true);
                // Freed memory is seldom zero.
                full(1 << 14, 7f).Dispose();
                convolution.call(x).to(ScalarType.Float32).sum().backward();
                var (wide, weight) = (x.detach().to(ScalarType.Float64).requires_grad_(true), kernel.detach().to(ScalarType.Float64).requires_grad_(true));
                var expected = nn.functional.conv2d(wide, weight, strides: [stride, stride], padding: [1, 1]);
                expected.sum().backward();
                var what = $"of {inputs} and {outputs} channels";
                foreach (var (name, right, computed) in new[] { ("output", expected, convolution.call(x)), ("input's gradient", wide.grad!, x.grad!), ("weights' gradient", weight.grad!, kernel.grad!) })
                    GoldenFile.Close((right.detach() / right.detach().abs().max()).to(ScalarType.Float32), (computed.detach() / right.detach().abs().max()).to(ScalarType.Float32), tolerance, $"the {name} {what}");
            }
    }

    [Fact]
    public void ResNet_20_has_the_parameters_and_the_operations_of_the_paper()
    {
        var config = new ResnetConfig { Size = 32, Classes = 10 };
        var parameters = Kind.For(config).ListParameters(config, Kind.For(config).ProfileAlone(config)).Sum(one => one.Count);
        // He et al. 2016, table 6: 0.27 million.
        Assert.Equal(269_722, parameters);
        // Multiplications and additions of a forward pass, counted by hand from the table of layers.
        Assert.Equal(40_551_040, ModelFlops.OfImages(config, ImageShape.Of(config)).Forward(new(1, 0, 0, 1, 1)).Flops / 2);
    }

    [Fact]
    public void A_batch_that_is_not_finite_leaves_the_running_statistics_as_they_were()
    {
        var norm = new BatchNorm(2);
        norm.train();
        norm.call(ones(2, 2, 3, 3) + randn(2, 2, 3, 3));
        var before = norm.named_buffers().Select(named => named.buffer.clone()).ToList();
        norm.call(full([2, 2, 3, 3], double.NaN, dtype: ScalarType.Float32));
        foreach (var (kept, (name, buffer)) in before.Zip(norm.named_buffers())) GoldenFile.Close(kept, buffer, 0, name);
        norm.call(zeros(2, 2, 3, 3) + 5);
        Assert.NotEqual(before[0][0].item<float>(), norm.get_buffer("mean")![0].item<float>());
    }

    [Theory]
    [InlineData(Precision.Fp32, 0)]
    [InlineData(Precision.Bf16, 0.1)]
    public void In_either_precision_evaluation_does_not_depend_on_the_batch_around_an_image(Precision precision, double tolerance)
    {
        var config = new ResnetConfig { Size = 8, Classes = 3, Width = 4, Layers = [1, 1] };
        var model = new Resnet(config, ImageShape.Of(config), new Generator(1));
        var images = randn(4, 3, 8, 8);
        model.train();
        for (var i = 0; i < 20; i++) model.call(images);
        model.eval();
        var exact = model.call(images).to(ScalarType.Float32);
        Precisions.Apply(model, precision);
        var all = model.call(images).to(ScalarType.Float32);
        GoldenFile.Close(exact, all, Math.Max(tolerance, 1e-6), "logits in another precision");
        GoldenFile.Close(all.narrow(0, 1, 1), model.call(images.narrow(0, 1, 1)).to(ScalarType.Float32), Math.Max(tolerance, 1e-5), "logits of one image");
    }

    [Theory]
    [InlineData("layers: [1, 1, 1, 1, 1]", "must be fewer than 5 stages")]
    [InlineData("layers: []", "must not be empty")]
    [InlineData("width: 0", "must be between 1 and 1000000")]
    [InlineData("patch: 4", "patch")]
    public void A_network_that_does_not_fit_is_refused(string setting, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => ConfigFile.Parse<Transformers.Training.ModelFragment>($"model: {{ kind: resnet, size: 16, {setting} }}")).Message);
}
