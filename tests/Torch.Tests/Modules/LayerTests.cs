using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Torch.Tests.Modules;

public sealed class LayerTests
{
    [Fact]
    public void Activation_modules_equal_their_functions_and_in_place_ones_write_into_their_input()
    {
        using var scope = NewDisposeScope();
        var x = linspace(-2, 2, 9);
        (Module<Tensor, Tensor> module, Tensor expected)[] cases =
        [
            (ReLU(), x.relu()), (GELU(), x.gelu()), (GELU(GELU().approximate), x.gelu()), (nn.GELU(TorchSharp.Modules.GELU.Approximate.tanh), x.gelu(TorchSharp.Modules.GELU.Approximate.tanh)),
            (SiLU(), x.silu()), (Sigmoid(), x.sigmoid()), (Tanh(), x.tanh()), (Softmax(0), x.softmax(0)), (LogSoftmax(0), x.log_softmax(0)), (ELU(0.5), x.elu(0.5)),
            (LeakyReLU(0.2), x.leaky_relu(0.2)), (Softplus(2), x.softplus(2)), (ReLU6(), x.relu6()), (Hardswish(), x.hardswish()), (Mish(), functional.mish(x)), (LogSigmoid(), x.log_sigmoid()),
        ];
        Assert.All(cases, entry => Assert.True(entry.module.call(x).allclose(entry.expected, 0, 0), entry.module.GetName()));
        foreach (var inplace in new Module<Tensor, Tensor>[] { ReLU(true), SiLU(true), Tanh(true), GELU(true), Sigmoid(true) })
        {
            var y = x.clone();
            Assert.Same(y, inplace.call(y));
            Assert.False(y.allclose(x));
        }
    }

    [Fact]
    public void Dropout_drops_while_training_only_and_keeps_the_mean()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        using var dropout = Dropout(0.25);
        var x = ones(10000);
        var dropped = dropout.call(x);
        Assert.InRange((dropped == 0).sum().ToInt64(), 2300, 2700);
        Assert.InRange(dropped.mean().ToDouble(), 0.97, 1.03);
        dropout.eval();
        Assert.True(dropout.call(x).allclose(x, 0, 0));
        using var channels = Dropout2d(0.5);
        var sums = channels.call(ones(1, 64, 4, 4)).sum([2L, 3]).flatten().Values();
        Assert.All(sums, sum => Assert.True(sum is 0 or 32));
        Assert.Contains(0.0, sums);
    }

    [Fact]
    public void The_padding_row_of_an_embedding_gets_no_gradient_and_long_rows_are_cut()
    {
        using var scope = NewDisposeScope();
        using var padded = Embedding(4, 3, padding_idx: -1);
        padded.call(tensor(new[] { 0L, 3, 3 })).sum().backward();
        Assert.Equal([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], padded.weight.grad!.Values());
        using var bounded = Embedding_from_pretrained(full(2, 4, 3.0), max_norm: 1);
        Golden.AssertClose([1], bounded.call(tensor(new[] { 1L })).norm().Values(), 1e-4);
        Assert.False(bounded.weight.requires_grad);
    }

    [Fact]
    public void Convolutions_pad_by_number_by_name_and_by_mode()
    {
        using var scope = NewDisposeScope();
        var image = randn(1, 2, 6, 6);
        foreach (var mode in new[] { PaddingModes.Zeros, PaddingModes.Reflect, PaddingModes.Replicate, PaddingModes.Circular })
        {
            using var numbered = Conv2d(2, 3, 3, padding: 1, padding_mode: mode);
            using var named = Conv2d(2, 3, 3, Padding.Same, padding_mode: mode);
            named.load_state_dict(numbered.state_dict());
            Assert.True(named.call(image).allclose(numbered.call(image), 1e-4, 1e-5), mode.ToString());
            var margins = functional.pad(image, (1, 1, 1, 1), mode);
            Assert.True(numbered.call(image).allclose(functional.conv2d(margins, numbered.weight, numbered.bias), 1e-4, 1e-5), mode.ToString());
        }
        using var strided = Conv2d(2, 3, (2, 3), stride: (2, 1), bias: false);
        Assert.Equal([1L, 3, 3, 4], strided.call(image).shape);
        Assert.Single(strided.parameters());
        Assert.Throws<ArgumentException>(() => Conv2d(3, 4, 1, groups: 2));
    }

    [Fact]
    public void Loss_modules_equal_their_functions()
    {
        using var scope = NewDisposeScope();
        var (x, y, classes) = (rand(4, 3), rand(4, 3), tensor(new[] { 0L, 2, 1, 2 }));
        Assert.True(CrossEntropyLoss(ignore_index: 1, reduction: Reduction.Sum).call(x, classes).allclose(functional.cross_entropy(x, classes, ignore_index: 1, reduction: Reduction.Sum)));
        Assert.True(new CrossEntropyLoss(label_smoothing: 0.1).call(x, classes).allclose(functional.cross_entropy(x, classes, label_smoothing: 0.1)));
        Assert.True(NLLLoss().call(x.log_softmax(1), classes).allclose(functional.cross_entropy(x, classes)));
        Assert.True(MSELoss(Reduction.None).call(x, y).allclose((x - y).square()));
        Assert.True(L1Loss().call(x, y).allclose((x - y).abs().mean()));
        Assert.True(BCELoss().call(x, y).allclose(BCEWithLogitsLoss().call(x.logit(), y), 1e-4, 1e-5));
        Assert.True(HuberLoss(0.1).call(x, y).allclose(functional.huber_loss(x, y, 0.1)));
        Assert.True(SmoothL1Loss(beta: 0.1).call(x, y).allclose(functional.smooth_l1_loss(x, y, beta: 0.1)));
        Assert.True(KLDivLoss().call(x.log(), y.log()).allclose(functional.kl_div(x.log(), y.log())));
    }

    [Fact]
    public void Shape_modules_reshape()
    {
        using var scope = NewDisposeScope();
        var x = randn(2, 4, 6, 6);
        Assert.Equal([2L, 144], Flatten().call(x).shape);
        Assert.Equal([2L, 2, 2, 6, 6], Unflatten(1, [2, 2]).call(x).shape);
        Assert.Equal([2L, 1, 12, 12], PixelShuffle(2).call(x).shape);
        Assert.True(PixelUnshuffle(2).call(PixelShuffle(2).call(x)).allclose(x));
        Assert.Equal([2L, 4, 1, 1], AdaptiveAvgPool2d(1).call(x).shape);
        Assert.True(Fold(6, 3, stride: 3).call(Unfold(3, stride: 3).call(x)).allclose(x));
        Assert.True(Identity().call(x).allclose(x));
        Assert.Equal([2L, 4, 6, 3], GLU().call(x).shape);
    }

    [Fact]
    public void Normalisation_modules_normalise()
    {
        using var scope = NewDisposeScope();
        var x = randn(3, 4, 5) * 3 + 2;
        using var plain = LayerNorm([4, 5], elementwise_affine: false);
        var rows = plain.call(x).reshape(3, -1);
        Assert.True(rows.mean([1]).allclose(zeros(3), 1e-4, 1e-4) && rows.var(1, unbiased: false).allclose(ones(3), 1e-3, 1e-3));
        Assert.Empty(plain.parameters());
        using var unbiased = LayerNorm(5, bias: false);
        Assert.Equal(["weight"], unbiased.named_parameters().Select(entry => entry.name));
        using var groups = GroupNorm(2, 4);
        Assert.True(groups.call(x).reshape(3, 2, -1).mean([2]).allclose(zeros(3, 2), 1e-4, 1e-4));
    }
}
