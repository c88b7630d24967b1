using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>What a run is that goes on from a checkpoint.</summary>
[Collection("engine")]
public class ResumeTests : TinyRunTest
{
    [Fact]
    public void A_run_that_has_nothing_left_to_do_keeps_what_its_last_step_was_measured_at()
    {
        var first = runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        var (metrics, best) = Saved(runs);
        Assert.Equal(10L, best);
        var again = runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        Assert.NotNull(first.ValLoss);
        Assert.Equal(first.ValLoss, again.ValLoss);
        Assert.Equal(first.Metrics, again.Metrics);
        Assert.Equal((metrics, best), Saved(runs));
    }

    [Fact]
    public void A_moving_average_that_the_checkpoint_has_not_starts_at_its_weights()
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        runs.Loop(TinyRuns.Config("training.ema.decay=0.9"), "run", 10, before: (trainer, task) =>
        {
            var weights = task.Model.named_parameters().ToDictionary(named => named.name, named => named.parameter);
            foreach (var (name, average) in trainer.Ema!.State) Assert.True(average.allclose(weights[name], 0, 0), name);
        });
    }

    [Fact]
    public void A_finished_run_that_cannot_go_on_with_a_mistaken_config_stays_finished()
    {
        var result = runs.Train(TinyRuns.Config(), "run");
        Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config("training.steps=30", "model.layers=3"), "run"));
        // That this optimizer has another state shows only when the checkpoint is read.
        Assert.Throws<CheckpointException>(() => runs.Train(TinyRuns.Config("training.steps=30", "training.optimizer={ kind: sgd, lr: 0.1 }"), "run"));
        Assert.True(File.Exists(Path.Combine(runs.PathOf("run"), "result.json")));
        Assert.Equal(result.ValLoss, runs.Train(TinyRuns.Config(), "run").ValLoss);
    }

    [Fact]
    public void A_damaged_result_is_reported_with_its_file_and_a_remedy()
    {
        runs.Train(TinyRuns.Config(), "run");
        foreach (var damaged in new[] { "{", "null", "{}" })
        {
            File.WriteAllText(Path.Combine(runs.PathOf("run"), "result.json"), damaged);
            var error = Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config(), "run"));
            Assert.EndsWith("result.json", error.Problems[0].File);
            Assert.Contains("delete it", error.Problems[0].Hint);
        }
    }

    [Fact]
    public void A_different_number_of_threads_is_reported_because_sums_may_round_differently()
    {
        var (same, more) = (new Warnings(), new Warnings());
        runs.Train(TinyRuns.Config(), "run", maxSteps: 3);
        runs.Train(TinyRuns.Config(), "run", maxSteps: 4, observer: same);
        var threads = get_num_threads();
        set_num_threads(threads + 1);
        try
        {
            runs.Train(TinyRuns.Config(), "run", maxSteps: 5, observer: more);
        }
        finally
        {
            set_num_threads(threads);
        }
        Assert.DoesNotContain(same.All, text => text.Contains("threads"));
        Assert.Contains(more.All, text => text.Contains($"{threads + 1} threads"));
    }

    [Theory]
    [InlineData("training.optimizer={ kind: sgd, lr: 0.1 }")]
    [InlineData("training.optimizer={ kind: sgd, lr: 0.1, momentum: 0.9 }")]
    [InlineData("training.freeze=[tokens.*]")]
    public void A_different_optimizer_is_named_as_the_reason_why_its_state_does_not_fit(string setting)
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 3);
        var error = Assert.Throws<CheckpointException>(() => runs.Train(TinyRuns.Config(setting), "run"));
        Assert.EndsWith(CheckpointFiles.Optimizer, error.File);
        Assert.Contains("training.freeze", error.Problems[0].Hint);
    }

    [Theory]
    [InlineData("data.tokenizer={ kind: bpe, vocabulary: 280 }", "data.tokenizer.vocabulary is 280 and was 270")]
    [InlineData("data.tokenizer={ kind: characters }", "data.tokenizer.kind is \"characters\" and was \"bpe\"")]
    public void A_tokenizer_that_a_run_cannot_resume_with_is_named_with_its_setting(string setting, string named)
    {
        runs.Train(TinyRuns.Config("data.tokenizer={ kind: bpe, vocabulary: 270 }"), "run", maxSteps: 3);
        var error = Assert.Throws<CheckpointException>(() => runs.Train(TinyRuns.Config(setting), "run"));
        Assert.Contains(named, error.Problems[0].Message);
        Assert.Contains("--run", error.Problems[0].Hint);
    }

    [Fact]
    public void Data_that_have_changed_under_the_same_settings_are_said_to_have()
    {
        File.WriteAllText(runs.PathOf("own.txt"), string.Concat(Enumerable.Repeat("abcd efgh\n", 200)));
        var config = TinyRuns.Config("data.tokenizer={ kind: characters }", $"data.source={{ files: [{runs.PathOf("own.txt")}] }}");
        runs.Train(config, "run", maxSteps: 3);
        File.WriteAllText(runs.PathOf("own.txt"), string.Concat(Enumerable.Repeat("ijkl mnop\n", 200)));
        Assert.Contains("the settings are the same, but the files' contents differ", Assert.Throws<CheckpointException>(() => runs.Train(config, "run")).Problems[0].Message);
    }

    static RunConfig Patient(int patience) => TinyRuns.Config("training.steps=40", $"training.validate={{ every: 2, patience: {patience} }}",
        "training.optimizer={ kind: sgd, lr: 1e-30 }", "training.schedule={ kind: constant }");

    [Fact]
    public void A_run_out_of_patience_is_finished_until_it_is_given_more()
    {
        var first = runs.Train(Patient(2), "run");
        Assert.Equal(TrainResult.Patience, first.Stopped);
        Assert.Equal(first.Steps, runs.Train(Patient(2), "run").Steps);
        Assert.True(runs.Train(Patient(3), "run").Steps > first.Steps);
    }

    // As where a run is killed between its last checkpoint and its result.
    [Fact]
    public void A_run_out_of_patience_whose_result_is_gone_writes_it_again_and_trains_no_more()
    {
        var first = runs.Train(Patient(2), "run");
        File.Delete(Path.Combine(runs.PathOf("run"), "result.json"));
        var again = runs.Train(Patient(2), "run");
        Assert.Equal((first.Steps, first.Stopped, first.ValLoss), (again.Steps, again.Stopped, again.ValLoss));
    }

    static (string metrics, long? best) Saved(TinyRuns runs)
    {
        using var folder = RunFolder.OpenForReading(runs.PathOf("run"));
        return (JsonSerializer.Serialize(folder.Checkpoints.Open("latest").Manifest.Metrics), folder.Checkpoints.BestStep);
    }
}
