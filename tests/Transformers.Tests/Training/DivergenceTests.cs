namespace Transformers.Tests.Training;

/// <summary>Losses and gradients that are not numbers, by each policy.</summary>
[Collection("engine")]
public class DivergenceTests : TinyRunTest
{
    static RunConfig Config(string divergence, params string[] more) =>
        TinyRuns.Config([$"training.divergence={divergence}", "training.checkpoint={ every: 2, keep: 3 }", "training.log.every=1", "training.validate.every=100", .. more]);

    /// <summary>Trains on, with poisoned batches, to a step.</summary>
    static TrainerState Train(TinyRuns runs, string run, RunConfig config, long steps, Poison poison, long[] bad, Func<bool>? badValidation = null, Func<StopRequest, ITrainingObserver>? watch = null, Precision precision = Precision.Fp32) =>
        runs.Loop(config, run, steps, task => new PoisonedTask(task, poison, [.. bad]) { BadValidation = badValidation ?? (() => false) }, watch: watch, precision: precision);

    static List<MetricsEvent> Metrics(TinyRuns runs, string run, string split) => [.. MetricsLog.Read(Path.Combine(runs.PathOf(run), "metrics.jsonl")).Where(e => e.Split == split)];

    static CheckpointStore Store(TinyRuns runs, string run) => new(Path.Combine(runs.PathOf(run), "checkpoints"));

    static byte[] Weights(TinyRuns runs, string run, long step) => File.ReadAllBytes(Path.Combine(Store(runs, run).PathOf(step), CheckpointFiles.Model));

    static void AssertSameEnd(TinyRuns runs, string run, string other)
    {
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer }) Assert.Equal(runs.Newest(run, file), runs.Newest(other, file));
        foreach (var split in new[] { "train", "skip", "roll_back" })
            Assert.Equal(Metrics(runs, run, split).Select(e => (e.Step, e.Values["loss"])), Metrics(runs, other, split).Select(e => (e.Step, e.Values["loss"])));
        using var first = RunFolder.OpenForReading(runs.PathOf(run));
        using var second = RunFolder.OpenForReading(runs.PathOf(other));
        var (a, b) = (first.Checkpoints.Open("latest").ReadState(), second.Checkpoints.Open("latest").ReadState());
        Assert.Equal(a.Trainer.Sampler, b.Trainer.Sampler);
    }

    [Theory]
    [InlineData(Poison.Loss, "loss is NaN")]
    [InlineData(Poison.Gradient, "norm NaN")]
    internal void Stop_names_the_step_and_the_last_good_checkpoint(Poison poison, string what)
    {
        var diverged = Assert.Throws<DivergedException>(() => Train(runs, "run", Config("{ kind: stop }"), 20, poison, [7]));
        Assert.Contains("at step 7 ", diverged.Message);
        Assert.Contains(what, diverged.Message);
        // That of step 6 may hold the cause: step 7 was the first to go on from it.
        Assert.Contains($"checkpoint of step 4 is good", diverged.Message);
        Assert.Contains($"--resume={Store(runs, "run").PathOf(4)}", diverged.Message);
        Assert.Equal([6, 4, 2], Store(runs, "run").Steps());
        Assert.Equal(6, Metrics(runs, "run", "train").Count);
    }

    [Theory]
    [InlineData(Poison.Loss)]
    [InlineData(Poison.Gradient)]
    internal void Skip_discards_and_counts_the_gradient_and_a_resumed_run_ends_the_same(Poison poison)
    {
        var config = Config("{ kind: skip, limit: 2 }", "training.checkpoint={ every: 1, keep: 100 }");
        var progress = Train(runs, "whole", config, 20, poison, [7, 12]);
        Assert.Equal((20L, 2L), (progress.Step, progress.SkippedSteps));
        Assert.Equal([(7L, 1.0), (12L, 2.0)], Metrics(runs, "whole", "skip").Select(e => (e.Step, e.Values["skipped_steps"])));
        Assert.Equal(18, Metrics(runs, "whole", "train").Count);
        Assert.All(Metrics(runs, "whole", "train"), e => Assert.True(double.IsFinite(e.Values["loss"])));
        Assert.Equal(Weights(runs, "whole", 6), Weights(runs, "whole", 7));
        Assert.NotEqual(Weights(runs, "whole", 7), Weights(runs, "whole", 8));

        Train(runs, "halves", config, 9, poison, [7, 12]);
        var rest = Train(runs, "halves", config, 20, poison, [7, 12]);
        Assert.Equal(2, rest.SkippedSteps);
        AssertSameEnd(runs, "whole", "halves");
    }

    [Fact]
    public void Skip_ends_the_run_at_its_limit_and_names_all_steps()
    {
        var diverged = Assert.Throws<DivergedException>(() => Train(runs, "run", Config("{ kind: skip, limit: 2 }"), 20, Poison.Loss, [3, 5, 9, 10]));
        Assert.Contains("at step 9 ", diverged.Message);
        Assert.Contains("limit (2)", diverged.Message);
        Assert.Contains("3, 5, 9", diverged.Message);
        Assert.Contains("checkpoint of step 6 is good", diverged.Message);
    }

    [Fact]
    public void The_count_of_skipped_steps_goes_on_in_a_resumed_run()
    {
        Train(runs, "run", Config("{ kind: skip, limit: 2 }"), 8, Poison.Loss, [3, 5]);
        Assert.Throws<DivergedException>(() => Train(runs, "run", Config("{ kind: skip, limit: 2 }"), 20, Poison.Loss, [9]));
    }

    [Theory]
    [InlineData(Poison.Loss)]
    [InlineData(Poison.Gradient)]
    [Trait("Category", "slow")]
    internal void Roll_back_continues_from_the_last_good_checkpoint_with_later_data_and_a_resumed_run_ends_the_same(Poison poison)
    {
        var config = Config("{ kind: roll_back, limit: 1 }");
        var progress = Train(runs, "whole", config, 20, poison, [7]);
        Assert.Equal((20L, 1L), (progress.Step, progress.RollBacks));
        var back = Assert.Single(Metrics(runs, "whole", "roll_back"));
        Assert.Equal((4L, 7.0), (back.Step, back.Values["from_step"]));
        // Steps 5 to 20 learnt from batches 8 to 23: nothing twice, and the bad one not again.
        using (var folder = RunFolder.OpenForReading(runs.PathOf("whole")))
            Assert.Equal(23, folder.Checkpoints.Open("latest").ReadState().Trainer.Sampler["batches"]);
        Assert.Equal(Enumerable.Range(1, 20).Select(i => (long)i), Metrics(runs, "whole", "train").Select(e => e.Step));

        // Once right after going back, once before and once after the next checkpoint is due.
        foreach (var at in new[] { 4, 5, 11 })
        {
            var half = Train(runs, $"cut{at}", config, 20, poison, [7], watch: stop => new StopOnceBack(at, stop));
            Assert.Equal((at, 1), (half.Step, half.RollBacks));
            Assert.Equal(1, Train(runs, $"cut{at}", config, 20, poison, [7]).RollBacks);
            AssertSameEnd(runs, "whole", $"cut{at}");
        }
    }

    [Fact]
    public void After_going_back_products_read_the_restored_weights_and_no_copies_of_the_later_ones()
    {
        var config = Config("{ kind: roll_back, limit: 1 }");
        // Without the kernels, products in bfloat16 read copies of the weights.
        KernelLibrary.SwitchedOff = true;
        try
        {
            Train(runs, "whole", config, 8, Poison.Loss, [7], precision: Precision.Bf16);
            Train(runs, "halves", config, 8, Poison.Loss, [7], watch: stop => new StopOnceBack(4, stop), precision: Precision.Bf16);
            Train(runs, "halves", config, 8, Poison.Loss, [7], precision: Precision.Bf16);
            AssertSameEnd(runs, "whole", "halves");
        }
        finally
        {
            KernelLibrary.SwitchedOff = false;
        }
    }

    sealed class StopOnceBack(long at, StopRequest stop) : ITrainingObserver
    {
        bool back;

        public void OnRollback(long step)
        {
            back = true;
            OnStep(step, 0);
        }

        public void OnStep(long step, long steps)
        {
            if (back && step == at) stop.Ask("test");
        }
    }

    [Fact]
    public void Roll_back_in_the_first_steps_goes_back_to_the_start()
    {
        Train(runs, "run", Config("{ kind: roll_back, limit: 1 }"), 20, Poison.Loss, [2]);
        Assert.Equal(0, Assert.Single(Metrics(runs, "run", "roll_back")).Step);
    }

    [Fact]
    public void Roll_back_ends_the_run_at_its_limit_and_where_nothing_good_is_left()
    {
        var twice = Assert.Throws<DivergedException>(() => Train(runs, "twice", Config("{ kind: roll_back, limit: 1 }"), 20, Poison.Loss, [7, 10]));
        Assert.Contains("limit (1)", twice.Message);
        var first = Assert.Throws<DivergedException>(() => Train(runs, "first", Config("{ kind: roll_back, limit: 1 }"), 20, Poison.Loss, [1]));
        Assert.Contains("no checkpoint to go back to", first.Message);
        Assert.Contains("start again", first.Message);
    }

    [Fact]
    public void A_checkpoint_that_is_written_again_after_going_back_keeps_its_validation()
    {
        var config = Config("{ kind: roll_back }", "training.validate.every=4");
        Train(runs, "run", config, 6, Poison.Loss, []);
        Train(runs, "run", config, 8, Poison.Loss, [7]);    // Another process: it did not measure step 4 itself.
        Assert.Equal(4, Assert.Single(Metrics(runs, "run", "roll_back")).Step);
        Assert.Contains("val_loss", Checkpoint.Open(Store(runs, "run").PathOf(4)).Manifest.Metrics.Keys);
    }

    [Theory]
    [InlineData("{ kind: stop }")]
    [InlineData("{ kind: skip, limit: 3 }")]
    [InlineData("{ kind: roll_back, limit: 2 }")]
    public void Weights_that_an_absurd_learning_rate_has_ruined_end_the_run_whatever_the_policy(string divergence)
    {
        var config = Config(divergence, "training.optimizer={ kind: sgd, lr: 1e30 }", "training.clip=0", "training.checkpoint={ every: 1, keep: 2 }", "training.schedule={ kind: constant }");
        var diverged = Assert.Throws<DivergedException>(() => runs.Train(config, "run"));
        Assert.Matches("diverged: at step [0-9]+ the loss is", diverged.Message);
        using var folder = RunFolder.OpenForReading(runs.PathOf("run"));
        Assert.NotNull(folder.Checkpoints.FindNewestIntact(out _));
        Assert.False(folder.IsFinished);
    }

    [Fact]
    public void A_validation_that_is_not_a_number_is_never_the_best()
    {
        var validations = 0;
        var config = Config("{ kind: stop }", "training.validate={ every: 5, batches: 1 }", "training.checkpoint={ every: 5, keep: 4 }");
        // The first and the third of the validations at steps 5, 10, 15 and 20; the last is of several batches.
        var progress = Train(runs, "run", config, 20, Poison.Loss, [], badValidation: () => ++validations is 1 or 3);
        Assert.Equal([double.NaN, double.NaN], Metrics(runs, "run", "val").Where(e => e.Step is 5 or 15).Select(e => e.Values["loss"]));
        Assert.Contains(progress.Best!.Step, new long[] { 10, 20 });
        Assert.True(double.IsFinite(progress.Best!.Loss));
        Assert.Contains(Store(runs, "run").BestStep!.Value, new long[] { 10, 20 });
    }

    [Fact]
    public void A_policy_that_could_lose_its_good_checkpoint_is_refused()
    {
        Assert.Contains("training.checkpoint.keep (1) must be at least 2", Assert.Throws<UserException>(() => Config("{ kind: roll_back }", "training.checkpoint.keep=1")).Message);
        Assert.Contains("limit", Assert.Throws<UserException>(() => Config("{ kind: stop, limit: 3 }")).Message);
    }
}
