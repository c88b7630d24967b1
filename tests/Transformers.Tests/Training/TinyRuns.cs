using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>Runs that take a second or two, on text that the program writes itself.</summary>
sealed class TinyRuns : IDisposable
{
    readonly string root = Path.Combine(Path.GetTempPath(), "transformer-tests-" + Guid.NewGuid().ToString("N"));

    internal TinyRuns() => Directory.CreateDirectory(root);

    internal string PathOf(string name) => Path.Combine(root, name);

    /// <summary>Writes a file.</summary>
    /// <returns>Its path.</returns>
    internal string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    internal static RunConfig Config(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data:
          kind: text
          source: { generator: stories, size: 60kB }
          tokenizer: { kind: bytes }
          holdout: 0.1
        model: { kind: gpt, layers: 2, heads: 2, width: 32, context: 32, dropout: 0.1 }
        training:
          steps: 20
          batch: { sequences: 8 }
          optimizer: { kind: adamw, lr: 1.0e-3, weight_decay: 0.1 }
          schedule: { kind: cosine, warmup: 5 }
          precision: fp32
          validate: { every: 10 }
          checkpoint: { every: 1000 }
          sample: { tokens: 0 }
        """, "tiny.yaml", sets);

    internal TrainResult Train(RunConfig config, string run, long? maxSteps = null, ITrainingObserver? observer = null) =>
        TrainingRun.Start(config, OptionsOf(run) with { MaxSteps = maxSteps }, observer);

    internal TrainingOptions OptionsOf(string run) => new() { Run = PathOf(run), Cache = PathOf("cache") };

    /// <summary>Trains with a task that is changed first, going on where the folder stopped; steps are not checked against memory, nor is there a result.</summary>
    internal TrainerState Loop(RunConfig config, string run, long steps, Func<TrainingTask, TrainingTask>? around = null, Action<Trainer, TrainingTask>? before = null, Func<StopRequest, ITrainingObserver>? watch = null, Precision precision = Precision.Fp32)
    {
        var options = new TrainingOptions { Run = PathOf(run), Cache = PathOf("cache") };
        var stop = new StopRequest();
        var observer = watch?.Invoke(stop) ?? new Quiet();
        using var folder = RunFolder.OpenForTraining(options.Run, TrainerOutputs.PolicyOf(config.Training.Checkpoint));
        NativeLibraries.Load();
        using var setup = Kind.For(config.Model).CreateTask(config, options, observer, stop);
        var task = around is null ? setup.Task : around(setup.Task);
        var identity = new RunIdentity(config, setup.Files, setup.FilesHash, "fp32");
        using var outputs = new TrainerOutputs(folder, identity, TrainerOutputs.PolicyOf(config.Training.Checkpoint), observer);
        using var trainer = new Trainer(task, config.Training, SeedStreams.Of(config.Seed, "dropout"), config.Model.Width, precision, CPU, outputs, observer, stop);
        if (folder.Checkpoints.FindNewestIntact(out _) is { } checkpoint) trainer.Restore(checkpoint, identity.ReadState(checkpoint, observer));
        outputs.Open(trainer.State.Step);
        before?.Invoke(trainer, task);
        trainer.Run(steps);
        return trainer.State;
    }

    /// <summary>The bytes of a file of the newest checkpoint.</summary>
    internal byte[] Newest(string run, string file)
    {
        using var folder = RunFolder.OpenForReading(PathOf(run));
        return File.ReadAllBytes(folder.Checkpoints.Open("latest").PathOf(file));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}

/// <summary>Tests each of which has a folder of runs.</summary>
public abstract class TinyRunTest : IDisposable
{
    private protected readonly TinyRuns runs = new();

    public void Dispose()
    {
        runs.Dispose();
        GC.SuppressFinalize(this);
    }
}
