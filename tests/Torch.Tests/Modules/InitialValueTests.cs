using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Torch.Tests.Modules;

/// <summary>A seed gives PyTorch's numbers, so a network starts where PyTorch's starts.</summary>
public sealed class InitialValueTests
{
    static double[] Of(Module module) => [.. module.parameters().SelectMany(parameter => parameter.Values())];

    static readonly Dictionary<string, Func<double[]>> Cases = new()
    {
        ["Linear"] = () => Of(Linear(3, 4)),
        ["Linear without bias"] = () => Of(Linear(3, 2, hasBias: false)),
        ["Embedding"] = () => Of(Embedding(4, 3, padding_idx: 1)),
        ["Conv2d"] = () => Of(Conv2d(2, 3, 2)),
        ["Conv1d"] = () => Of(Conv1d(2, 2, 3)),
        ["LayerNorm"] = () => Of(LayerNorm(3)),
        ["xavier_uniform_"] = () => init.xavier_uniform_(empty(3, 4), 2).Values(),
        ["xavier_normal_"] = () => init.xavier_normal_(empty(3, 4)).Values(),
        ["kaiming_uniform_"] = () => init.kaiming_uniform_(empty(3, 4), nonlinearity: init.NonlinearityType.ReLU).Values(),
        ["kaiming_normal_"] = () => init.kaiming_normal_(empty(3, 4), mode: init.FanInOut.FanOut).Values(),
        ["trunc_normal_"] = () => init.trunc_normal_(empty(3, 4), std: 0.5, a: -0.6, b: 0.4).Values(),
        ["randn"] = () => randn(5).Values(),
        ["rand"] = () => rand(5).Values(),
        ["randperm"] = () => randperm(7).Values(),
        ["randint"] = () => randint(3, 9, [6]).Values(),
        ["multinomial"] = () => multinomial(tensor(new[,] { { 0.2f, 0.5f, 0.3f }, { 0.7f, 0.1f, 0.2f } }), 4, replacement: true).Values(),
        ["dropout"] = () => functional.dropout(ones(10), 0.4).Values(),
    };

    public static IEnumerable<object[]> Names => Golden.Names("initial");

    [Theory]
    [MemberData(nameof(Names))]
    public void A_seed_gives_PyTorchs_numbers(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(42);
        Golden.AssertClose(Golden.Numbers(Golden.Section("initial").GetProperty(name)), Cases[name]());
    }
}
