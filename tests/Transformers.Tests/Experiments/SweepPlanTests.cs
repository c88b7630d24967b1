using Transformers.Experiments;

namespace Transformers.Tests.Experiments;

public sealed class SweepPlanTests : TempFolderTest
{
    const string Base = """
        data:
          kind: images
          source: { generator: digits, count: 300, side: 12 }
          input: { size: 12, channels: 1 }
          holdout: { count: 40 }
        model: { kind: vit, patch: 4, layers: 1, heads: 2, width: 16 }
        training: { steps: 4, batch: { sequences: 16 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
        """;

    SweepPlan Plan(int seeds, params string[] vary) => SweepPlan.Create([folder.Write("base.yaml", Base)], ["seed=7"], [.. vary.Select(SweepFactor.Parse)], seeds, "out");

    [Fact]
    public void A_grid_has_every_combination_of_values_files_and_seeds()
    {
        var resnet = folder.Write("small.resnet.yaml", "model: { kind: resnet, width: 4, layers: [1, 1] }");
        var vit = folder.Write("vit.yaml", "model: { width: 8 }");
        var plan = Plan(2, "data.limit=50,100,200", $"model={vit},{resnet}");
        Assert.Equal(12, plan.Points.Count);
        Assert.Equal([7UL, 8UL], plan.Seeds);
        Assert.Equal("data.limit", plan.Across!.Name);
        var last = plan.Points[^1];
        Assert.Equal((200L, 8UL), (last.Config.Data.Limit!.Value, last.Config.Seed));
        Assert.IsType<ResnetConfig>(last.Config.Model);
        Assert.Equal(8, ((VitConfig)plan.Points[0].Config.Model).Width);
        Assert.Equal(4, ((VitConfig)plan.Points[0].Config.Model).Patch);
        Assert.Equal(Path.Combine("out", "limit-200_model-small.resnet_seed-8"), last.Folder);
        Assert.Equal("data.limit 200, model small.resnet, seed 8", last.ToString());
    }

    [Theory]
    [InlineData("data.limit=2,500", "--vary data.limit=2,500 gives two values, 2 and 500; if one is meant, write 2500")]
    [InlineData("data.limit=12,000.5", null)]
    [InlineData("data.limit=100,200", null)]
    [InlineData("data.limit=64,128,256", null)]
    [InlineData("data.limit=2,50", null)]
    public void Two_values_that_could_be_one_number_are_warned_of(string vary, string? warning) => Assert.Equal(warning, SweepFactor.Parse(vary).Warning);

    [Fact]
    public void The_largest_seed_may_be_used_and_none_beyond_it()
    {
        SweepPlan Of(int seeds) => SweepPlan.Create([folder.Write("base.yaml", Base)], [$"seed={ulong.MaxValue - 1}"], [SweepFactor.Parse("data.limit=50,100")], seeds, "out");
        Assert.Equal([ulong.MaxValue - 1, ulong.MaxValue], Of(2).Seeds);
        Assert.Contains("goes beyond the largest seed", Assert.Throws<UserException>(() => Of(3)).Message);
    }

    [Fact]
    public void Values_may_be_lists_and_mappings_and_what_is_varied_wins_over_settings()
    {
        var plan = SweepPlan.Create([folder.Write("base.yaml", Base)], ["training.optimizer.lr=5"],
            [SweepFactor.Parse("training.optimizer.betas=[0.9, 0.98],[0.9, 0.999]"), SweepFactor.Parse("model={ kind: resnet, layers: [1, 1] },{ kind: vit, patch: 4, layers: 1, heads: 2, width: 8 }"), SweepFactor.Parse("training.optimizer.lr=1e-3,2e-3")], 1, "out");
        Assert.Equal(8, plan.Points.Count);
        Assert.Equal([1e-3, 2e-3], plan.Points.Select(point => point.Config.Training.Optimizer.Lr).Distinct());
        Assert.Equal("training.optimizer.lr", plan.Across!.Name);
        Assert.Equal(8, plan.Points.Select(point => point.Folder).Distinct().Count());
    }

    [Theory]
    [InlineData("data.limit", "--vary: (data.limit) must be a setting and its values")]
    [InlineData("=1,2", "must be a setting and its values")]
    [InlineData("data.limit=1,,2", "has an empty value")]
    [InlineData("data.limit=5,5", "has the value 5 twice")]
    [InlineData("seed=1,2", "--seeds N trains each point")]
    [InlineData("data.limit=-1,0", "data.limit (-1) must be at least 1")]
    [InlineData("data.lmit=1,2", "data.lmit is not a setting")]
    [InlineData("model=nothing.yaml", "the config does not exist")]
    public void What_is_no_variation_is_refused_by_name(string vary, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => Plan(1, vary)).Message);

    [Fact]
    public void All_problems_of_all_configs_are_reported_before_the_first_run()
    {
        var problems = Assert.Throws<UserException>(() => Plan(1, "model.patch=4,5,7", "training.steps=0,4")).Problems;
        Assert.Contains(problems, problem => problem.ToString().Contains("model.patch") && problem.Message.Contains("(5)"));
        Assert.Contains(problems, problem => problem.ToString().Contains("model.patch") && problem.Message.Contains("(7)"));
        Assert.Contains(problems, problem => problem.ToString().Contains("training.steps") && problem.Message.Contains("(0)"));
        // Each once, however many runs have it.
        Assert.Equal(problems.Count, problems.Distinct().Count());
        Assert.Contains("given twice", Assert.Throws<UserException>(() => Plan(1, "data.limit=1,2", "data.limit=3,4")).Message);
        Assert.Contains("at least 1", Assert.Throws<UserException>(() => Plan(0, "data.limit=10,20")).Message);
        Assert.Contains("10,000", Assert.Throws<UserException>(() => Plan(10_000, "data.limit=10,20")).Message);
        Assert.Contains("--vary", Assert.Throws<UserException>(() => Plan(1)).Message);
    }
}
