using TorchSharp;

namespace Transformers.Tests.Kinds;

/// <summary>A run that has trained finishes; what it measures is known before, and the same wherever it is measured.</summary>
[Collection("engine")]
public sealed class FinishingRunTests : TinyRunTest
{
    readonly Notes notes = new();

    RunConfigSets Letters()
    {
        var file = runs.Write("dna.txt", string.Concat(Enumerable.Repeat("ACGTACGGTA", 200)));
        return new($"data.source={{ files: [{file}] }}", "data.tokenizer={ kind: characters }", "training.steps=4", "training.schedule.warmup=1");
    }

    sealed record RunConfigSets(params string[] Sets);

    [Fact]
    public void Characters_without_a_line_end_are_sampled_from_and_generated()
    {
        var config = TinyRuns.Config([.. Letters().Sets, "training.sample={ tokens: 8, every: 2 }"]);
        Assert.Null(runs.Train(config, "dna", observer: notes).Stopped);
        Assert.Empty(notes.Warnings);
        var run = TrainedRun.Open(runs.PathOf("dna"));
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, torch.CPU);
        using var generator = new TextGenerator(model, tokenizer, torch.CPU);
        Assert.Equal(5, generator.Generate([""], new GenerationOptions { MaxNewTokens = 5 })[0].Text.Length);
    }

    [Fact]
    public void Samples_that_fail_are_a_warning_and_the_result_is_written()
    {
        var config = TinyRuns.Config([.. Letters().Sets, "training.sample={ tokens: 8, every: 2, prompts: ['x'] }"]);
        runs.Train(config, "dna", observer: notes);
        Assert.True(File.Exists(Path.Combine(runs.PathOf("dna"), "result.json")));
        Assert.Equal(2, notes.Warnings.Count(warning => warning.StartsWith("the samples could not be made") && warning.Contains("'x'")));
    }

    [Fact]
    public void An_observer_that_fails_on_pictures_does_not_end_the_run()
    {
        var result = runs.Train(TinyRuns.Config("training.steps=5", "training.validate.every=5"), "run", observer: new Failing(notes));
        Assert.Null(result.Stopped);
        Assert.Contains(notes.Warnings, warning => warning.Contains("the pictures could not be made") && warning.Contains("no ink"));
    }

    [Fact]
    public void The_measures_of_every_kind_of_run_are_named_before_its_first_step()
    {
        var configs = new[] { TinyRuns.Config("training.steps=5"), SentenceRuns.Translation("training.steps=1"), SentenceRuns.Masked("training.steps=1"), SentenceRuns.Classify("training.steps=1") };
        for (var i = 0; i < configs.Length; i++)
        {
            IReadOnlyList<string>? names = null;
            var result = TrainingRun.Start(configs[i], runs.OptionsOf($"run{i}") with { BeforeSteps = task => names = task.MetricNames });
            Assert.Equal(result.Metrics.Keys.Order(), names!.Order());
        }
    }

    [Fact]
    public void Sampling_leaves_the_model_in_the_precision_of_its_run()
    {
        var computed = new List<torch.ScalarType>();
        var config = TinyRuns.Config("training.steps=6", "training.precision=bf16", "training.sample={ tokens: 2, every: 2 }", "training.validate.every=2");
        TrainingTask? task = null;
        TrainingRun.Start(config, runs.OptionsOf("run") with { BeforeSteps = one => task = one }, new Each(() => computed.AddRange(task!.Model.modules().OfType<IComputes>().Select(layer => layer.Compute))));
        Assert.Equal([torch.ScalarType.BFloat16], computed.Distinct());
    }

    [Fact]
    public void A_run_that_holds_nothing_out_is_warned()
    {
        runs.Train(TinyRuns.Config("training.steps=5", "data.holdout=0"), "run", observer: notes);
        Assert.Contains(notes.Warnings, warning => warning.StartsWith("nothing is held out for validation"));
    }

    [Fact]
    public void A_resumed_run_names_each_setting_that_changed_and_the_rate_that_follows()
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 10);
        runs.Train(TinyRuns.Config("training.steps=40", "training.optimizer.lr=2e-3"), "run", maxSteps: 12, observer: notes);
        var warning = Assert.Single(notes.Warnings, warning => warning.Contains("settings that differ"));
        Assert.Contains("training.steps is 40 and was 20", warning);
        Assert.Contains("training.optimizer.lr is 0.002 and was 0.001", warning);
        Assert.Contains("the learning rate of step 11", warning);
        Assert.Contains("model.heads is 4 and was 2", Assert.Throws<Transformers.Checkpoints.CheckpointException>(() => runs.Train(TinyRuns.Config("model.heads=4"), "run")).Message);
    }

    [Fact]
    public void The_samples_at_the_end_are_those_of_the_average_of_the_weights()
    {
        // A learning rate at which the weights are far from their average.
        var config = TinyRuns.Config("training.ema={ decay: 0.999 }", "training.optimizer.lr=0.1", "training.sample.tokens=30");
        runs.Train(config, "run", observer: notes);
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, torch.CPU);
        using var generator = new TextGenerator(model, tokenizer, torch.CPU) { StartsDocuments = DocumentStarts.BeforePrompts(run.Config.Data) };
        var text = generator.Generate([""], new GenerationOptions { MaxNewTokens = 30, Temperature = 0.8, TopP = 0.95, Seed = run.Config.Seed, Slide = true })[0].Text;
        Assert.Equal((20, text), Assert.Single(notes.Samples));
    }

    sealed class Notes : ITrainingObserver
    {
        internal List<(long Step, string Text)> Samples { get; } = [];
        public void OnSamples(long step, IReadOnlyList<string> samples) => Samples.AddRange(samples.Select(sample => (step, sample)));
        internal List<string> Warnings { get; } = [];
        public void Warn(string message) => Warnings.Add(message);
    }

    sealed class Failing(Notes notes) : ITrainingObserver
    {
        public void Warn(string message) => notes.Warn(message);
        public void OnPictures(long step, IReadOnlyList<ModelPicture> pictures) => throw new InvalidOperationException("no ink");
    }

    sealed class Each(Action onStep) : ITrainingObserver
    {
        public void OnStep(long step, long steps) => onStep();
    }
}
