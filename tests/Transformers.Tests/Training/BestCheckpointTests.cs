namespace Transformers.Tests.Training;

/// <summary>The weights of the best validation are kept.</summary>
[Collection("engine")]
public class BestCheckpointTests : TinyRunTest
{
    [Theory]
    [Trait("Category", "slow")]
    [InlineData("training.batch.micro=8")]
    [InlineData("training.ema.decay=0.5")]
    public void The_best_validation_is_saved_when_it_happens_and_opened_where_no_checkpoint_is_named(string setting)
    {
        // The learning rate grows until the loss does, long before the first checkpoint that the config asks for.
        var config = TinyRuns.Config("training.validate.every=1", "training.schedule.warmup=20", "training.optimizer.lr=3.0", "training.clip=0", setting);
        var result = runs.Train(config, "run");
        var best = result.Best!;
        Assert.InRange(best.Step, 1, 19);
        Assert.True(best.ValLoss < result.ValLoss);
        var run = TrainedRun.Open(runs.PathOf("run"));
        Assert.Equal(best.Step, run.Checkpoint.Step);
        Assert.Contains($"step {best.Step}, the checkpoint with the best validation (loss ", run.Choice);
        Assert.Contains("the newest is step 20", run.Choice);
        var evaluated = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Cache = runs.PathOf("cache") });
        Assert.Equal(best.ValLoss, evaluated.Metrics["loss"], 1e-4);
        // Those that were the best before are gone, and it does not count among the newest.
        using var folder = RunFolder.OpenForReading(runs.PathOf("run"));
        Assert.Equal([20, best.Step], folder.Checkpoints.Steps());
        Assert.Null(TrainedRun.Open(runs.PathOf("run"), "latest").Choice);
    }

    // The validation text begins with what is easy to learn and goes on with digits at random. The last step validates on all of it, and its
    // loss is higher than the earlier ones, which are over the beginning, although the model has become better.
    [Fact]
    public void Where_validations_are_over_a_part_of_the_split_the_last_one_is_compared_over_the_same_part()
    {
        var random = new Random(1);
        File.WriteAllText(runs.PathOf("text.txt"), string.Concat(Enumerable.Repeat("the cat sat on the mat.\n", 1000)) + string.Concat(Enumerable.Range(0, 1000).Select(_ => (char)('0' + random.Next(10)))) + "\n");
        var config = TinyRuns.Config($"data.source={{ files: ['{runs.PathOf("text.txt")}'] }}", "model.dropout=0", "training.optimizer.lr=3.0e-3", "training.validate={ every: 5, batches: 1 }");
        var result = runs.Train(config, "run");
        Assert.Equal(20, result.Best!.Step);
        Assert.True(result.Best.ValLoss < result.ValLoss - 0.5, $"{result.Best.ValLoss} of the part, {result.ValLoss} of the whole");
        var run = TrainedRun.Open(runs.PathOf("run"));
        Assert.Equal(20, run.Checkpoint.Step);
        Assert.Equal(result.Best.ValLoss, run.Checkpoint.Manifest.Metrics["val_loss_compared"], 1e-9);
        Assert.DoesNotContain("val_loss_compared", result.Metrics.Keys);
        // Going on from its end changes nothing.
        File.Delete(Path.Combine(runs.PathOf("run"), "result.json"));
        Assert.Equivalent(result.Best, runs.Train(config, "run").Best);
        Assert.Equal(20, TrainedRun.Open(runs.PathOf("run")).Checkpoint.Step);
    }

    [Fact]
    public void Without_checkpoint_best_no_validation_saves_a_checkpoint()
    {
        runs.Train(TinyRuns.Config("training.validate.every=5", "training.checkpoint.best=false"), "run");
        using var folder = RunFolder.OpenForReading(runs.PathOf("run"));
        Assert.Equal([20], folder.Checkpoints.Steps());
        Assert.Contains("step 20, the newest checkpoint", TrainedRun.Open(runs.PathOf("run")).Choice);
    }

    [Fact]
    [Trait("Category", "slow")]
    public void A_run_that_is_killed_after_its_best_validation_goes_on_from_it_bit_for_bit()
    {
        var config = TinyRuns.Config("training.validate.every=2");
        runs.Train(config, "whole");
        Assert.Throws<OperationCanceledException>(() => runs.Train(config, "halves", observer: new Ends(15)));
        using (var folder = RunFolder.OpenForReading(runs.PathOf("halves"))) Assert.Equal([14], folder.Checkpoints.Steps());
        runs.Train(config, "halves");
        Assert.Equal(runs.Newest("whole", CheckpointFiles.Model), runs.Newest("halves", CheckpointFiles.Model));
    }

    sealed class Ends(long at) : ITrainingObserver
    {
        public void OnStep(long step, long steps)
        {
            if (step == at) throw new OperationCanceledException("the run is killed here");
        }
    }
}
