namespace Transformers.Tests.Training;

[Collection("engine")]
public sealed class DryRunTests : TinyRunTest
{
    static DryRunResult Start(TinyRuns runs, Transformers.Training.RunConfig config, string run = "run", Func<TrainingOptions, TrainingOptions>? change = null) =>
        DryRun.Start(config, (change ?? (options => options))(runs.OptionsOf(run)), new Quiet(), new StopRequest());

    [Fact]
    public void Its_first_loss_is_that_of_the_runs_first_step_and_its_folder_is_not_there_afterwards()
    {
        var config = TinyRuns.Config("model.dropout=0");
        var dry = Start(runs, config, "below/run");
        Assert.Equal(["cache"], Directory.EnumerateFileSystemEntries(runs.PathOf("")).Select(Path.GetFileName));
        Assert.Equal((8 * 32, 8 * 32, 1), (dry.UnitsPerStep, dry.TargetsPerStep, dry.MicroBatches));

        var first = new FirstStep();
        var result = runs.Train(TinyRuns.Config("model.dropout=0", "training.log.every=1"), "below/run", maxSteps: 1, first);
        Assert.Equal(first.Loss, dry.Loss, 1e-5);
        Assert.Equal(first.Norm, dry.GradientNorm, 1e-4);
        Assert.Equal(result.Parameters, dry.Parameters);
    }

    [Fact]
    public void Its_memory_counts_the_optimizer_and_its_disk_the_checkpoints_that_stay()
    {
        var plain = Start(runs, TinyRuns.Config());
        var weights = 4 * plain.Parameters;
        Assert.InRange(plain.Memory.Optimizer, 2 * weights, 2 * weights + 64);
        Assert.Equal(0, plain.Memory.Average);
        Assert.True(plain.Memory.Fits && plain.Memory.Available > plain.Memory.Measured && plain.Memory.Measured > 1 << 20);
        Assert.Equal(4 * plain.Disk.Checkpoint, plain.Disk.Needed);
        runs.Train(TinyRuns.Config("training.steps=1", "training.schedule.warmup=1"), "run");
        using var folder = Transformers.Runs.RunFolder.OpenForReading(runs.PathOf("run"));
        var written = folder.Checkpoints.Open("latest").Manifest.Files.Where(file => file.Name.EndsWith(".safetensors", StringComparison.Ordinal)).Sum(file => file.Bytes);
        Assert.InRange(plain.Disk.Checkpoint, 0.9 * written, 1.1 * written);

        var other = Start(runs, TinyRuns.Config("training.ema.decay=0.9", "training.optimizer={ kind: sgd, lr: 0.1 }", "training.batch.micro=3"), "other");
        Assert.True(other.Memory.Average > 0);
        Assert.Equal(3, other.MicroBatches);
        Assert.False((plain.Memory with { Available = plain.Memory.Needed - 1 }).Fits);
        Assert.False((plain.Disk with { Available = 1 }).Fits);
    }

    [Fact]
    public void It_says_where_a_run_would_go_on_and_refuses_what_the_run_would_refuse()
    {
        runs.Train(TinyRuns.Config(), "run", maxSteps: 7);
        var before = Directory.EnumerateFiles(runs.PathOf("run"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(("resumes", 7L), Start(runs, TinyRuns.Config()) is var dry ? (dry.State, dry.From) : default);
        Assert.Contains("model differs from the one", Assert.Throws<global::Transformers.Checkpoints.CheckpointException>(() => Start(runs, TinyRuns.Config("model.layers=1"))).Message);
        Assert.Contains("not empty", Assert.Throws<UserException>(() => Start(runs, TinyRuns.Config(), change: options => options with { Resume = ResumeMode.Never })).Message);
        Assert.Equal(before, Directory.EnumerateFiles(runs.PathOf("run"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));

        runs.Train(TinyRuns.Config(), "run");
        Assert.Equal("finished", Start(runs, TinyRuns.Config()).State);
        Assert.Equal("resumes", Start(runs, TinyRuns.Config("training.steps=30")).State);
        Assert.True(File.Exists(runs.PathOf("run/result.json")));

        File.WriteAllText(runs.PathOf("file"), "");
        Assert.Contains("is a file", Assert.Throws<global::Transformers.Checkpoints.CheckpointException>(() => Start(runs, TinyRuns.Config(), "file/run")).Message);
        using var taken = Transformers.Runs.RunLock.Take(runs.PathOf("run"));
        Assert.Contains("in use", Assert.Throws<UserException>(() => Start(runs, TinyRuns.Config())).Message);
    }

    sealed class FirstStep : ITrainingObserver
    {
        internal double Loss { get; private set; }
        internal double Norm { get; private set; }

        public void OnLog(StepReport report) => (Loss, Norm) = (report.Loss, report.GradientNorm);
    }
}
