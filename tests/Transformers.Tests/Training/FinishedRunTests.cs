namespace Transformers.Tests.Training;

/// <summary>What becomes of a folder that holds a finished run.</summary>
[Collection("engine")]
public class FinishedRunTests : TinyRunTest
{
    [Theory]
    [InlineData("model.layers=1", "model.layers is 2 there and 1 here")]
    [InlineData("data.tokenizer.kind=characters", "data.tokenizer.kind is \"bytes\" there and \"characters\" here")]
    [InlineData("data.source={ generator: stories, size: 70kB }", "data.source.size is \"60kB\" there and \"70kB\" here")]
    public void The_finished_run_of_another_model_or_of_other_data_is_no_result_of_what_is_asked_for(string setting, string difference)
    {
        var first = runs.Train(TinyRuns.Config(), "run");
        var other = Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config(setting), "run"));
        Assert.Contains($"contains a finished run of a different config: {difference} (name another folder with --run)", other.Message);
        Assert.Throws<UserException>(() => DryRun.Start(TinyRuns.Config(setting), runs.OptionsOf("run"), new Quiet(), new StopRequest()));
        // More steps do not make it the same run, and the result stays.
        Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config(setting, "training.steps=30"), "run"));
        Assert.Equal(first.ValLoss, runs.Train(TinyRuns.Config(), "run").ValLoss);
    }

    [Fact]
    public void Settings_that_a_finished_run_no_longer_follows_are_named_one_by_one()
    {
        var first = runs.Train(TinyRuns.Config(), "run");
        var notes = new Notes();
        var again = TrainingRun.Start(TinyRuns.Config("training.optimizer.lr=0.01", "training.freeze=[tok_emb.*]", "seed=5"), runs.OptionsOf("run"), notes);
        Assert.Equal(first.ValLoss, again.ValLoss);
        var warning = Assert.Single(notes.Warnings);
        Assert.StartsWith("the run is finished, so settings that have changed since have no effect: ", warning);
        foreach (var one in (string[])["seed is 5 and was 1337", "training.optimizer.lr is 0.01 and was 0.001", "training.freeze is [\"tok_emb.*\"] and was not set"]) Assert.Contains(one, warning);
        notes.Warnings.Clear();
        TrainingRun.Start(TinyRuns.Config(), runs.OptionsOf("run"), notes);
        Assert.Empty(notes.Warnings);
    }

    [Fact]
    public void A_dry_run_names_what_finishing_or_resuming_it_would_change()
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        foreach (var finished in new[] { false, true })
        {
            if (finished) runs.Train(TinyRuns.Config(), "run");
            var notes = new Notes();
            Assert.Equal(finished ? "finished" : "resumes", DryRun.Start(TinyRuns.Config("training.optimizer.lr=0.01"), runs.OptionsOf("run"), notes, new StopRequest()).State);
            Assert.Contains("training.optimizer.lr is 0.01 and was 0.001", Assert.Single(notes.Warnings));
        }
    }

    [Theory]
    [InlineData("training.freeze=[nonsense.*]", "training.freeze[0]: (nonsense.*) matches no parameter")]
    [InlineData("training.freeze=['*']", "training.freeze: leaves nothing to train")]
    public void A_setting_that_no_run_could_follow_is_refused_though_the_run_is_finished(string setting, string message)
    {
        runs.Train(TinyRuns.Config(), "run");
        Assert.Contains(message, Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config(setting), "run")).Message);
    }

    [Fact]
    public void One_file_by_another_name_is_the_same_data()
    {
        var text = runs.Write("text.txt", string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog. ", 60)));
        var written = TinyRuns.Config("data.source={ files: [" + text + "] }");
        var first = runs.Train(written, "run");
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, text);
        Assert.Equal(first.ValLoss, runs.Train(DataOverride.Apply(written, relative), "run").ValLoss);
        File.Copy(text, runs.PathOf("copy.txt"));
        Assert.Throws<UserException>(() => runs.Train(DataOverride.Apply(written, runs.PathOf("copy.txt")), "run"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0")]
    public void A_text_that_cannot_be_a_path_is_compared_as_text(string other)
    {
        var text = runs.Write("text.txt", string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog.\n---\n", 60)));
        RunConfig Separated(string separator)
        {
            var config = TinyRuns.Config("data.source={ files: [" + text + "], separator: --- }");
            var data = (TextDataConfig)config.Data;
            return config with { Data = data with { Source = (TextFilesConfig)data.Source with { Separator = separator } } };
        }
        runs.Train(Separated("---"), "run");
        Assert.Contains("data.source.separator is \"---\" there and ", Assert.Throws<UserException>(() => runs.Train(Separated(other), "run")).Message);
    }

    [Fact]
    public void A_checkpoint_to_go_on_from_is_gone_on_from_though_the_run_is_finished()
    {
        var config = TinyRuns.Config("training.checkpoint={ every: 10, keep: 5 }");
        runs.Train(config, "run");
        var notes = new Notes();
        var again = TrainingRun.Start(config, runs.OptionsOf("run") with { ResumeFrom = runs.PathOf("run/checkpoints/step-00000010") }, notes);
        Assert.Equal(20, again.Steps);
        Assert.Contains(notes.All, note => note.StartsWith("resuming from step 10", StringComparison.Ordinal));
    }

    [Fact]
    public void Weights_to_start_from_are_not_passed_over_in_silence_and_the_same_command_finds_its_own_run()
    {
        runs.Train(TinyRuns.Config(), "base");
        runs.Train(TinyRuns.Config(), "run");
        var tuning = runs.OptionsOf("run") with { From = runs.PathOf("base") };
        Assert.Contains("--from", Assert.Throws<UserException>(() => TrainingRun.Start(TinyRuns.Config(), tuning)).Message);
        var tuned = TrainingRun.Start(TinyRuns.Config(), tuning with { Run = runs.PathOf("tuned") });
        Assert.Equal(runs.PathOf("base"), tuned.From);
        Assert.Equal(tuned.ValLoss, TrainingRun.Start(TinyRuns.Config(), tuning with { Run = runs.PathOf("tuned") }).ValLoss);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_run_that_another_one_started_from_may_be_gone_when_that_one_resumes(bool dry)
    {
        const string tokenizer = "data.tokenizer={ kind: bpe, vocabulary: 300 }";
        runs.Train(TinyRuns.Config(tokenizer), "base");
        // A tokenizer of its own would differ, since its text does.
        var config = TinyRuns.Config(tokenizer, "data.source={ generator: stories, size: 70kB }");
        var options = runs.OptionsOf("tuned") with { From = runs.PathOf("base") };
        TrainingRun.Start(config, options with { MaxSteps = 10 });
        Directory.Delete(runs.PathOf("base"), recursive: true);
        var notes = new Notes();
        if (dry)
        {
            Assert.Equal(("resumes", 10L), DryRun.Start(config, options, notes, new StopRequest()) is var would ? (would.State, would.From!.Value) : default);
            return;
        }
        var resumed = TrainingRun.Start(config, options, notes);
        Assert.Equal((20L, runs.PathOf("base")), (resumed.Steps, resumed.From));
        Assert.Contains(notes.All, note => note.EndsWith("its own weights are used, not those of --from", StringComparison.Ordinal));
        Assert.DoesNotContain(notes.All, note => note.StartsWith("starting from", StringComparison.Ordinal));
        Assert.Equal(resumed.ValLoss, TrainingRun.Start(config, options).ValLoss);
        Assert.Contains("the run folder does not exist", Assert.Throws<UserException>(() => TrainingRun.Start(config, options with { Run = runs.PathOf("new") })).Message);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    public void A_damaged_result_is_reported_with_its_remedy(string content)
    {
        runs.Train(TinyRuns.Config(), "run");
        var file = Path.Combine(runs.PathOf("run"), "result.json");
        File.WriteAllText(file, content);
        var damaged = Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config(), "run"));
        Assert.Equal(file, damaged.Problems[0].File);
        Assert.Contains("delete it", damaged.Message);
        File.Delete(file);
        Assert.Equal(20, runs.Train(TinyRuns.Config(), "run").Steps);
    }
}
