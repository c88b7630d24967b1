using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;
using static TorchSharp.torch.optim.lr_scheduler;

namespace Torch.Tests.Optim;

public sealed class ScheduleTests
{
    static readonly Dictionary<string, Func<Optimizer, LRScheduler>> Makers = new()
    {
        ["LambdaLR"] = o => LambdaLR(o, epoch => Math.Pow(0.95, epoch)),
        ["StepLR"] = o => StepLR(o, 3, 0.5),
        ["MultiStepLR"] = o => MultiStepLR(o, [2, 5, 9], 0.3),
        ["ExponentialLR"] = o => ExponentialLR(o, 0.9),
        ["ConstantLR"] = o => ConstantLR(o, 0.25, 4),
        ["LinearLR"] = o => LinearLR(o, 0.1, 0.8, 6),
        ["PolynomialLR"] = o => PolynomialLR(o, 8, 2.0),
        ["CosineAnnealingLR"] = o => CosineAnnealingLR(o, 8, 0.01),
        ["OneCycleLR"] = o => OneCycleLR(o, 0.7, total_steps: 21),
        ["OneCycleLR three phases"] = o => OneCycleLR(o, 0.7, total_steps: 21, three_phase: true, anneal_strategy: impl.OneCycleLR.AnnealStrategy.Linear),
        ["SequentialLR"] = o => SequentialLR(o, [LinearLR(o, 0.1, 1.0, 5), CosineAnnealingLR(o, 12, 0.02)], [5]),
        ["ChainedScheduler"] = o => ChainedLR([ConstantLR(o, 0.5, 3), ExponentialLR(o, 0.9)]),
    };

    public static IEnumerable<object[]> Names => Golden.Names("schedules");

    [Theory]
    [MemberData(nameof(Names))]
    public void Rates_and_momentum_follow_PyTorchs(string name)
    {
        using var parameter = new Parameter(zeros(1));
        using var optimizer = AdamW([parameter], lr: 0.4);
        var scheduler = Makers[name](optimizer);
        foreach (var expected in Golden.Section("schedules").GetProperty(name).EnumerateArray())
        {
            var group = (AdamW.ParamGroup)optimizer.ParamGroups.Single();
            Golden.AssertClose(Golden.Numbers(expected), [group.LearningRate, group.Betas.Item1], 1e-8);
            Golden.AssertClose([group.LearningRate], [.. scheduler.get_last_lr()], 1e-12);
            scheduler.step();
        }
    }

    [Theory]
    [InlineData("StepLR")]
    [InlineData("LinearLR")]
    [InlineData("CosineAnnealingLR")]
    [InlineData("ExponentialLR")]
    public void A_jump_to_a_count_gives_the_rate_that_stepping_gives(string name)
    {
        using var parameter = new Parameter(zeros(1));
        using var stepped = AdamW([parameter], lr: 0.4);
        using var jumped = AdamW([parameter], lr: 0.4);
        var (one, other) = (Makers[name](stepped), Makers[name](jumped));
        for (var step = 0; step < 5; step++) one.step();
        other.step(5);
        Golden.AssertClose([.. one.get_last_lr()], [.. other.get_last_lr()], 1e-12);
    }
}
