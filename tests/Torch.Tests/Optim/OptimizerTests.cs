using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Torch.Tests.Optim;

public sealed class OptimizerTests
{
    /// <summary>The network of generate.py: its bias has half the rate and no decay.</summary>
    sealed class Network : IDisposable
    {
        readonly Tensor x = linspace(-1, 1, 12).reshape(4, 3).DetachFromDisposeScope();
        readonly Tensor y = tensor(new[,] { { 0.3f, -0.2f }, { 0.1f, 0.4f }, { -0.5f, 0.2f }, { 0.6f, -0.1f } }).DetachFromDisposeScope();
        internal readonly Parameter Weight = new(linspace(-0.5, 0.5, 6).reshape(2, 3));
        internal readonly Parameter Bias = new(tensor(new[] { 0.1f, -0.1f }));

        internal Tensor Loss() => (nn.functional.linear(x, Weight, Bias).tanh() - y).pow(2).mean();

        internal double[] Values => [.. Weight.Values(), .. Bias.Values()];

        internal void Step(optim.Optimizer optimizer)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            Loss().backward();
            optimizer.step();
        }

        public void Dispose()
        {
            foreach (var tensor in new[] { x, y, Weight, Bias }) tensor.Dispose();
        }
    }

    static AdamW.ParamGroup[] AdamWGroups(Network n, double lr) =>
        [new() { Parameters = [n.Weight] }, new() { Parameters = [n.Bias], Options = new() { weight_decay = 0, LearningRate = lr / 2 } }];

    static SGD.ParamGroup[] SgdGroups(Network n, double lr) =>
        [new() { Parameters = [n.Weight] }, new() { Parameters = [n.Bias], Options = new() { weight_decay = 0, LearningRate = lr / 2 } }];

    static readonly Dictionary<string, Func<Network, OptimizerHelper>> Makers = new()
    {
        ["AdamW"] = n => optim.AdamW(AdamWGroups(n, 0.05), lr: 0.05, beta1: 0.8, beta2: 0.95, eps: 1e-6, weight_decay: 0.1),
        ["AdamW amsgrad"] = n => optim.AdamW(AdamWGroups(n, 0.05), lr: 0.05, weight_decay: 0.1, amsgrad: true),
        ["AdamW maximize"] = n => optim.AdamW(AdamWGroups(n, 0.05), lr: 0.05, maximize: true),
        ["Adam"] = n => optim.Adam([new Adam.ParamGroup { Parameters = [n.Weight] }, new Adam.ParamGroup { Parameters = [n.Bias], Options = new() { weight_decay = 0, LearningRate = 0.025 } }], lr: 0.05, weight_decay: 0.1),
        ["SGD"] = n => optim.SGD(SgdGroups(n, 0.1), 0.1, weight_decay: 0.01),
        ["SGD momentum"] = n => optim.SGD(SgdGroups(n, 0.1), 0.1, momentum: 0.9, dampening: 0.1, weight_decay: 0.01),
        ["SGD nesterov"] = n => optim.SGD(SgdGroups(n, 0.1), 0.1, momentum: 0.9, nesterov: true),
    };

    public static IEnumerable<object[]> Names => Golden.Names("optimizers");

    [Theory]
    [MemberData(nameof(Names))]
    public void Twelve_steps_follow_PyTorchs(string name)
    {
        using var network = new Network();
        using var optimizer = Makers[name](network);
        var expected = Golden.Section("optimizers").GetProperty(name);
        var seen = 0;
        for (var step = 1; step <= 12; step++)
        {
            network.Step(optimizer);
            if (step is 1 or 6 or 12) Golden.AssertClose(Golden.Numbers(expected[seen++]), network.Values, 1e-6);
        }
        Assert.Equal(3, seen);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Steps_after_saving_and_loading_equal_steps_without(string name)
    {
        using var straight = new Network();
        using var first = Makers[name](straight);
        for (var step = 0; step < 4; step++) straight.Step(first);
        using var file = new MemoryStream();
        first.save_state_dict(new BinaryWriter(file));
        using var resumed = new Network();
        using var second = Makers[name](resumed);
        using (no_grad())
        {
            resumed.Weight.copy_(straight.Weight);
            resumed.Bias.copy_(straight.Bias);
        }
        file.Position = 0;
        second.load_state_dict(new BinaryReader(file));
        using var third = Makers[name](resumed);
        third.load_state_dict(second.state_dict());
        Assert.Equal(first.state_dict().State.Count, third.state_dict().State.Zip(first.state_dict().State).Count(pair => pair.First.ApproximatelyEquals(pair.Second)));
        for (var step = 0; step < 4; step++)
        {
            straight.Step(first);
            resumed.Step(third);
        }
        Assert.Equal(straight.Values, resumed.Values);
    }

    [Fact]
    public void A_state_of_other_groups_or_another_optimizer_is_refused()
    {
        using var network = new Network();
        using var adam = Makers["AdamW"](network);
        using var sgd = Makers["SGD"](network);
        using var single = optim.AdamW([network.Weight]);
        using var file = new MemoryStream();
        adam.save_state_dict(new BinaryWriter(file));
        file.Position = 0;
        Assert.Contains("AdamW", Assert.Throws<InvalidDataException>(() => sgd.load_state_dict(new BinaryReader(file))).Message);
        Assert.Throws<ArgumentException>(() => single.load_state_dict(adam.state_dict()));
        Assert.Throws<ArgumentException>(() => optim.AdamW([network.Weight, network.Bias]).add_param_group(new AdamW.ParamGroup { Parameters = [network.Bias] }));
    }

    [Fact]
    public void A_parameter_without_gradient_stays_and_steps_leave_no_handles()
    {
        using var network = new Network();
        using var still = new Parameter(ones(2));
        using var optimizer = optim.AdamW([network.Weight, network.Bias, still], lr: 0.1, weight_decay: 0.5);
        network.Step(optimizer);
        network.Step(optimizer);
        Assert.Equal([1.0, 1], still.Values());
        var before = Handles.Settled();
        for (var step = 0; step < 20; step++) network.Step(optimizer);
        Assert.Equal(before, NativeHandles.Live);
    }

    [Fact]
    public void Disposing_an_optimizer_frees_its_state()
    {
        using var network = new Network();
        network.Step(optim.SGD([network.Weight, network.Bias], 0.1));
        var before = Handles.Settled();
        var optimizer = optim.AdamW([network.Weight, network.Bias]);
        network.Step(optimizer);
        Assert.Equal(before + 4, NativeHandles.Live);
        optimizer.Dispose();
        Assert.Equal(before, NativeHandles.Live);
    }

    [Fact]
    public void A_closure_gives_its_loss_and_records_gradients()
    {
        using var scope = NewDisposeScope();
        using var network = new Network();
        using var optimizer = optim.SGD([network.Weight, network.Bias], 0.1);
        using var _ = no_grad();
        var loss = optimizer.step(() =>
        {
            optimizer.zero_grad();
            var loss = network.Loss();
            loss.backward();
            return loss;
        });
        Assert.True(loss!.ToDouble() > network.Loss().ToDouble());
    }
}
