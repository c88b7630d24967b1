namespace Transformers.Tests.Training;

[Collection("engine")]
[Trait("Category", "slow")]
public sealed class SeedRunsTests : TinyRunTest
{
    static SeedsResult Start(TinyRuns runs, int count, long? maxSteps = null, ITrainingObserver? observer = null, StopRequest? stop = null) =>
        SeedRuns.Start(TinyRuns.Config("seed=7"), runs.OptionsOf("several") with { MaxSteps = maxSteps }, count, observer ?? new Quiet(), stop ?? new StopRequest());

    [Fact]
    public void Each_seed_is_the_run_that_it_would_be_alone_and_means_and_deviations_are_theirs()
    {
        var result = Start(runs, 3);
        Assert.Equal([7UL, 8UL, 9UL], result.Seeds);
        Assert.Null(result.Stopped);
        var alone = runs.Train(TinyRuns.Config("seed=8"), "alone");
        Assert.Equal(runs.Newest("alone", CheckpointFiles.Model), runs.Newest("several/seed-8", CheckpointFiles.Model));
        Assert.Equal(alone.ValLoss, result.Runs[1].ValLoss);

        double[] losses = [.. result.Runs.Select(run => run.ValLoss!.Value)];
        Assert.Equal(3, losses.Distinct().Count());
        var mean = (losses[0] + losses[1] + losses[2]) / 3;
        Assert.Equal(mean, result.Mean["val_loss"], 1e-12);
        Assert.Equal(Math.Sqrt(losses.Sum(loss => Math.Pow(loss - mean, 2)) / 2), result.Deviation!["val_loss"], 1e-12);
        foreach (var name in new[] { "train_loss", "perplexity", "bits_per_byte", "best.val_loss", "tokens_per_second" }) Assert.Contains(name, result.Mean.Keys);
        var written = JsonSerializer.Deserialize<SeedsResult>(File.ReadAllText(runs.PathOf("several/seeds.json")), JsonStyle.Options)!;
        Assert.Equal(result.Mean["val_loss"], written.Mean["val_loss"]);
    }

    [Fact]
    public void It_goes_on_where_it_was_stopped_and_does_not_train_again_what_is_done()
    {
        var stop = new StopRequest();
        // The second seed is stopped in its middle.
        var half = Start(runs, 3, observer: new StopAt(stop, run: 2, step: 11), stop: stop);
        Assert.Equal("sigterm", half.Stopped);
        Assert.Equal([20L, 11L], half.Runs.Select(run => run.Steps));
        Assert.False(Directory.Exists(runs.PathOf("several/seed-9")));
        var weights = runs.Newest("several/seed-7", CheckpointFiles.Model);

        var steps = new StepCount();
        var whole = Start(runs, 3, observer: steps);
        Assert.Null(whole.Stopped);
        Assert.Equal(9 + 20, steps.Count);
        Assert.Equal(weights, runs.Newest("several/seed-7", CheckpointFiles.Model));
        runs.Train(TinyRuns.Config("seed=8"), "alone");
        Assert.Equal(runs.Newest("alone", CheckpointFiles.Model), runs.Newest("several/seed-8", CheckpointFiles.Model));
        using var others = new TinyRuns();
        Assert.Equal("max_steps", Start(others, 2, maxSteps: 3).Stopped);
    }

    [Fact]
    public void A_stop_while_the_data_are_prepared_leaves_the_seeds_before_it_and_the_reason()
    {
        var stop = new StopRequest();
        var result = Start(runs, 2, observer: new StopAt(stop, run: 1, step: 0), stop: stop);
        Assert.Equal(("sigterm", 0), (result.Stopped, result.Runs.Count));
    }

    [Fact]
    public void What_cannot_be_several_runs_is_refused()
    {
        Assert.Contains("at least 2", Assert.Throws<UserException>(() => Start(runs, 1)).Message);
        runs.Train(TinyRuns.Config(), "several", maxSteps: 1);
        Assert.Contains("contains a single run", Assert.Throws<UserException>(() => Start(runs, 2)).Message);
        var resumed = runs.OptionsOf("other") with { ResumeFrom = runs.PathOf("several/checkpoints/step-00000001") };
        Assert.Contains("--seeds", Assert.Throws<UserException>(() => SeedRuns.Start(TinyRuns.Config(), resumed, 2, new Quiet(), new StopRequest())).Message);
        var last = TinyRuns.Config() with { Seed = ulong.MaxValue - 1 };
        Assert.Equal([ulong.MaxValue - 1, ulong.MaxValue], SeedRuns.SeedsOf(last, 2));
        Assert.Contains("goes beyond the largest seed", Assert.Throws<UserException>(() => SeedRuns.SeedsOf(last, 3)).Message);
    }

    sealed class StepCount : ITrainingObserver
    {
        internal int Count { get; private set; }

        public void OnStep(long step, long steps) => Count++;
    }

    sealed class StopAt(StopRequest stop, int run, long step) : ITrainingObserver
    {
        int begun;

        public void Note(string message)
        {
            if (message.StartsWith("seed ", StringComparison.Ordinal)) begun++;
            if (begun == run && step == 0) stop.Ask("sigterm");
        }

        public void OnStep(long now, long steps)
        {
            if (begun == run && now == step) stop.Ask("sigterm");
        }
    }
}
