using static TorchSharp.torch;

namespace Transformers.Tests.Kinds;

[Collection("engine")]
public sealed class SoundKindTests : TinyRunTest
{
    static RunConfig Config(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data:
          kind: audio
          source: { generator: digits, count: 60 }
          seconds: 0.6
          mels: 32
          augment: { frequency: 6, time: 6 }
        model: { kind: ast, patch: 8, layers: 1, heads: 2, width: 16, drop: { path: 0.1 } }
        training:
          steps: 8
          batch: { sequences: 16 }
          optimizer: { kind: adamw, lr: 2.0e-3 }
          label_smoothing: 0.1
          precision: fp32
          validate: { every: 4 }
          checkpoint: { every: 1000 }
        """, "tiny.yaml", sets);

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("training.batch.micro=6")]
    [InlineData("model={ kind: ast, patch: 8, stride: 5, layers: 1, heads: 2, width: 16, pool: mean, positions: { kind: sinusoidal } }")]
    public void Half_a_run_then_resumed_equals_the_whole_run_bit_for_bit(string setting)
    {
        var config = Config(setting);
        runs.Train(config, "whole");
        runs.Train(config, "halves", maxSteps: 4);
        Assert.Equal(8, runs.Train(config, "halves").Steps);
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer }) Assert.Equal(runs.Newest("whole", file), runs.Newest("halves", file));
    }

    [Fact]
    public void A_run_is_evaluated_predicts_files_and_draws_what_it_attends_to()
    {
        var result = runs.Train(Config(), "run");
        // 4 rows and 7 columns of patches and the class token, 16 sounds a step.
        Assert.Equal((4 * 7 + 1) * 16 * 8, result.TokensPerSecond!.Value * result.Seconds, 1e-3);
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var options = new EvaluationOptions { Cache = runs.PathOf("cache"), Split = "validation" };
        var validation = Kind.For(run).Evaluate(run, "run", options);
        foreach (var (name, value) in result.Metrics) Assert.Equal(value, validation.Metrics[name], 1e-6);
        Assert.Equal(result.ValLoss!.Value, validation.Metrics["loss"], 1e-5);
        var test = Kind.For(run).Evaluate(run, "run", options with { Split = null });
        Assert.Equal(("test", 12L), (test.Split, test.Examples));
        Assert.InRange(test.Metrics["centroid_top1"], 0, 1);

        var folder = Directory.GetDirectories(runs.PathOf("cache/sounds")).Single();
        using var network = SoundRun.Open(run);
        var predictions = network.Predict([Path.Combine(folder, "test", "two")], top: 3).ToList();
        Assert.All(predictions, one => Assert.Equal(3, one.Labels.Count));
        var file = predictions[0].Input;
        Assert.Contains("attention in frequency and time", Kind.For(run).DrawAttention(run, new AttentionSubject { Sound = file }, CPU).ToSvg());
        Assert.Contains("--sound must be given", Assert.Throws<UserException>(() => Kind.For(run).DrawAttention(run, new AttentionSubject(), CPU)).Message);
        Assert.Contains("the file or folder does not exist", Assert.Throws<UserException>(() => network.Predict([file, "none.wav"], 1).ToList()).Message);
    }

    [Trait("Category", "slow")]
    [Fact]
    public void A_few_sounds_are_learned_by_heart()
    {
        var result = runs.Train(Config("data.source.count=20", "training.steps=300", "model.width=32", "training.label_smoothing=0", "model.drop.path=0", "training.validate.every=1000", "training.optimizer.lr=5e-3",
            "data.augment={ masks: 0, shift: 0 }"), "run");
        Assert.True(result.TrainLoss < 0.5, $"loss {result.TrainLoss}");
    }

    [Fact]
    public void Its_size_is_known_before_it_trains()
    {
        var config = Config("training.steps=1", "model.layers=2");
        var inspection = Inspector.Inspect(config, new InspectionOptions { Cache = runs.PathOf("cache") });
        Assert.Equal(runs.Train(config, "run").Parameters, inspection.Cost.Parameters);
        Assert.Equal(10, inspection.Classes);
    }

    [Theory]
    [InlineData("model.patch=40", "model.patch (40) must be at most data.mels (32)")]
    [InlineData("data.seconds=0.05", "data.seconds (0.05) must be between 0.1 and 60")]
    [InlineData("model.width=15", "model.width (15) must be divisible by model.heads (2)")]
    public void A_config_that_does_not_fit_together_says_so(string set, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => Config(set)).Message);
}
