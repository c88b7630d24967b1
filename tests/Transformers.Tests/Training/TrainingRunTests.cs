namespace Transformers.Tests.Training;

[Collection("engine")]
public class TrainingRunTests : TinyRunTest
{
    [Fact]
    public void Two_runs_with_one_seed_agree_bit_for_bit_and_another_seed_does_not()
    {
        runs.Train(TinyRuns.Config(), "a");
        runs.Train(TinyRuns.Config(), "b");
        runs.Train(TinyRuns.Config("seed=2"), "c");
        Assert.Equal(runs.Newest("a", CheckpointFiles.Model), runs.Newest("b", CheckpointFiles.Model));
        Assert.NotEqual(runs.Newest("a", CheckpointFiles.Model), runs.Newest("c", CheckpointFiles.Model));
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("training.precision=fp32")]
    [InlineData("training.precision=bf16")]
    [InlineData("training.batch.micro=3")]
    [InlineData("training.ema.decay=0.9")]
    [InlineData("data.batches.kind=packed")]
    [InlineData("training.optimizer={ kind: sgd, lr: 0.1, momentum: 0.9 }")]
    public void Half_a_run_then_resumed_equals_the_whole_run_bit_for_bit(string setting)
    {
        var config = TinyRuns.Config(setting);
        runs.Train(config, "whole");
        var half = runs.Train(config, "halves", maxSteps: 10);
        Assert.Equal("max_steps", half.Stopped);
        var rest = runs.Train(config, "halves");
        Assert.Equal(20, rest.Steps);
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer })
            Assert.Equal(runs.Newest("whole", file), runs.Newest("halves", file));
        Assert.Equal(Metrics(runs.PathOf("whole")), Metrics(runs.PathOf("halves")));
    }

    // What does not depend on the clock.
    static IEnumerable<(long, string, double)> Metrics(string run) =>
        [.. MetricsLog.Read(Path.Combine(run, "metrics.jsonl")).Select(e => (e.Step, e.Split, e.Values["loss"]))];

    [Fact]
    public void Micro_batches_change_the_sum_of_the_same_gradients_by_rounding_alone()
    {
        var whole = runs.Train(TinyRuns.Config("model.dropout=0"), "whole");
        var cut = runs.Train(TinyRuns.Config("model.dropout=0", "training.batch.micro=3"), "cut");
        Assert.Equal(whole.ValLoss!.Value, cut.ValLoss!.Value, 1e-4);
    }

    [Fact]
    public void One_batch_of_text_is_learnt_by_heart()
    {
        var text = runs.Write("one.txt", string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog. ", 40)));
        var config = TinyRuns.Config("training.steps=150", "training.optimizer.lr=1e-2", "model.dropout=0", "data.source={ files: [" + text + "] }");
        var result = runs.Train(config, "heart");
        Assert.True(result.TrainLoss < 0.1, $"loss {result.TrainLoss}");
    }

    [Fact]
    public void A_step_leaves_no_tensor_behind()
    {
        var counts = new HandleCounts();
        runs.Train(TinyRuns.Config("training.steps=120", "training.validate.every=1000", "training.log.every=10"), "handles", observer: counts);
        Assert.InRange(counts.At[110], 0, counts.At[20]); // Fewer: what earlier tests left was finalized meanwhile.
    }

    [Fact]
    public void A_finished_run_says_so_and_trains_no_more_and_more_steps_go_on()
    {
        var first = runs.Train(TinyRuns.Config(), "run");
        var written = File.GetLastWriteTimeUtc(Path.Combine(runs.PathOf("run"), "metrics.jsonl"));
        var again = runs.Train(TinyRuns.Config(), "run");
        Assert.Equal(first.ValLoss, again.ValLoss);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(runs.PathOf("run"), "metrics.jsonl")));
        Assert.Equal(25, runs.Train(TinyRuns.Config("training.steps=25"), "run").Steps);
    }

    [Fact]
    public void A_folder_with_a_run_is_not_overwritten_and_a_different_model_is_not_resumed()
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        var never = Assert.Throws<UserException>(() => TrainingRun.Start(TinyRuns.Config(), new TrainingOptions { Run = runs.PathOf("run"), Cache = runs.PathOf("cache"), Resume = ResumeMode.Never }));
        Assert.Contains("--resume=never", never.Message);
        Assert.Contains("model", Assert.Throws<CheckpointException>(() => runs.Train(TinyRuns.Config("model.layers=3"), "run")).Message);
    }

    [Fact]
    public void A_damaged_checkpoint_is_skipped_with_its_reason_and_the_one_before_goes_on()
    {
        runs.Train(TinyRuns.Config("training.checkpoint.every=5"), "run", maxSteps: 15);
        runs.Train(TinyRuns.Config("training.checkpoint.every=5"), "whole");
        var damaged = Path.Combine(runs.PathOf("run"), "checkpoints", "step-00000015", CheckpointFiles.Model);
        using (var file = File.Open(damaged, FileMode.Open)) file.SetLength(file.Length - 1);
        var notes = new Warnings();
        runs.Train(TinyRuns.Config("training.checkpoint.every=5"), "run", observer: notes);
        Assert.Contains(notes.All, text => text.Contains("step-00000015") && text.Contains(CheckpointFiles.Model));
        Assert.Equal(runs.Newest("whole", CheckpointFiles.Model), runs.Newest("run", CheckpointFiles.Model));
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("training.batch.sequences=5")]
    [InlineData("training.optimizer.lr=5e-4")]
    [InlineData("training.steps=24")]
    public void What_may_change_between_runs_is_reported_and_takes_effect_from_there(string setting)
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        var notes = new Warnings();
        var rest = runs.Train(TinyRuns.Config(setting), "run", observer: notes);
        Assert.Equal(TinyRuns.Config(setting).Training.Steps, rest.Steps);
        Assert.Contains(notes.All, text => text.Contains("settings that differ") && text.Contains($"{setting.Split('=')[0]} is "));
        using var folder = RunFolder.OpenForReading(runs.PathOf("run"));
        var state = folder.Checkpoints.Open("latest").ReadState();
        // The targets that were learnt from say with which size: 32 a sequence.
        Assert.Equal(32 * (10 * 8 + (rest.Steps - 10) * TinyRuns.Config(setting).Training.Batch.Sequences!.Value), state.Trainer.Targets);
    }

    [Fact]
    public void Saving_in_the_background_at_every_step_does_not_change_the_weights()
    {
        runs.Train(TinyRuns.Config("training.ema.decay=0.9"), "rarely");
        runs.Train(TinyRuns.Config("training.ema.decay=0.9", "training.checkpoint.every=1"), "always");
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer, CheckpointFiles.Average })
            Assert.Equal(runs.Newest("rarely", file), runs.Newest("always", file));
        // Each was written from a snapshot of its own step: going on from one in the middle ends the same.
        using (var folder = RunFolder.OpenForReading(runs.PathOf("always")))
            Directory.Delete(folder.Checkpoints.PathOf(20), recursive: true);
        File.Delete(Path.Combine(runs.PathOf("always"), "result.json"));
        runs.Train(TinyRuns.Config("training.ema.decay=0.9"), "always");
        Assert.Equal(runs.Newest("rarely", CheckpointFiles.Model), runs.Newest("always", CheckpointFiles.Model));
    }

    [Fact]
    public void An_old_checkpoint_that_cannot_be_deleted_is_reported()
    {
        var notes = new InTheWay(Path.Combine(runs.PathOf("run"), "checkpoints", "step-00000005.deleted.tmp"));
        runs.Train(TinyRuns.Config("training.checkpoint={ every: 5, keep: 1, best: false }"), "run", observer: notes);
        // A failed deletion after the saves at 10 and 15 is reported by the next save, and after the last one at once.
        Assert.Equal(3, notes.All.Count(text => text.Contains("step-00000005 could not be deleted")));
    }

    // Puts a file where the old checkpoint is to be moved.
    sealed class InTheWay(string path) : ITrainingObserver
    {
        internal List<string> All { get; } = [];
        public void Warn(string message) => All.Add(message);

        public void OnStep(long step, long steps)
        {
            if (step != 6) return;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
    }

    [Fact]
    public void A_save_that_is_asked_for_where_one_is_due_is_one_save()
    {
        var stop = new StopRequest();
        var saves = new Saves(4, stop);
        TrainingRun.Start(TinyRuns.Config("training.checkpoint.every=4", "training.steps=10"), runs.OptionsOf("run"), saves, stop);
        Assert.Equal([4L, 8, 10], saves.Steps);
        saves = new Saves(5, stop);
        TrainingRun.Start(TinyRuns.Config("training.checkpoint.every=4", "training.steps=10"), runs.OptionsOf("other"), saves, stop);
        Assert.Equal([4L, 5, 8, 10], saves.Steps);
    }

    sealed class Saves(long at, StopRequest stop) : ITrainingObserver
    {
        internal List<long> Steps { get; } = [];
        public void OnCheckpoint(long step, string folder) => Steps.Add(step);

        public void OnStep(long step, long steps)
        {
            if (step == at) stop.AskForSave();
        }
    }

    [Fact]
    public void A_run_that_has_ended_lets_go_of_its_model()
    {
        var seen = new Parameters();
        runs.Train(TinyRuns.Config(), "run", observer: seen);
        Assert.NotEmpty(seen.All);
        Assert.All(seen.All, parameter => Assert.True(parameter.IsInvalid));
    }

    sealed class Parameters : ITrainingObserver
    {
        internal List<TorchSharp.torch.Tensor> All { get; } = [];
        public void OnWeights(long step, TorchSharp.torch.nn.Module model) => All.AddRange(model.parameters());
    }

    [Fact]
    public void Validation_without_improvement_ends_the_run_after_its_patience()
    {
        var config = TinyRuns.Config("training.steps=200", "training.validate={ every: 2, patience: 2 }", "training.optimizer={ kind: sgd, lr: 1e-9 }", "training.schedule={ kind: constant }");
        var result = runs.Train(config, "run");
        Assert.Equal("patience", result.Stopped);
        Assert.True(result.Steps < 200);
    }

    [Fact]
    public void The_run_folder_holds_config_tokenizer_metrics_and_result()
    {
        var result = runs.Train(TinyRuns.Config(), "run");
        foreach (var file in new[] { "config.yaml", "tokenizer.json", "metrics.jsonl", "result.json" })
            Assert.True(File.Exists(Path.Combine(runs.PathOf("run"), file)), file);
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(runs.PathOf("run"), "result.json")));
        Assert.Equal("transformer.train/1", document.RootElement.GetProperty("schema").GetString());
        Assert.Equal(result.ValLoss!.Value, document.RootElement.GetProperty("val_loss").GetDouble());
        Assert.Equal("gpt", document.RootElement.GetProperty("model").GetString());
        Assert.True(document.RootElement.GetProperty("tokens_per_second").GetDouble() > 0);
    }

    [Fact]
    public void A_stop_request_ends_the_run_after_its_step_with_a_checkpoint_that_goes_on()
    {
        var stop = new StopRequest();
        var result = TrainingRun.Start(TinyRuns.Config(), new TrainingOptions { Run = runs.PathOf("run"), Cache = runs.PathOf("cache") }, new StopAt(7, stop), stop);
        Assert.Equal(("sigterm", 7L), (result.Stopped, result.Steps));
        runs.Train(TinyRuns.Config(), "run");
        runs.Train(TinyRuns.Config(), "whole");
        Assert.Equal(runs.Newest("whole", CheckpointFiles.Model), runs.Newest("run", CheckpointFiles.Model));
    }

    [Fact]
    public void A_run_that_is_stopped_before_its_first_step_has_no_loss()
    {
        var stop = new StopRequest();
        var result = TrainingRun.Start(TinyRuns.Config(), runs.OptionsOf("run"), new StopOnceBuilt(stop), stop);
        Assert.Equal(("sigterm", 0L), (result.Stopped, result.Steps));
        Assert.Null(result.TrainLoss);
        Assert.DoesNotContain("NaN", JsonSerializer.Serialize(result, JsonStyle.Options));
    }

    sealed class StopOnceBuilt(StopRequest stop) : ITrainingObserver
    {
        public void Note(string message)
        {
            if (message.Contains(" parameters", StringComparison.Ordinal)) stop.Ask("sigterm");
        }
    }

    sealed class StopAt(long at, StopRequest stop) : ITrainingObserver
    {
        public void OnStep(long step, long steps)
        {
            if (step == at) stop.Ask("sigterm");
        }
    }
}
