using Transformers.Configs;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Tests.Training;

/// <summary>Runs that take a second or two, on text that the program writes itself.</summary>
sealed class TinyRuns : IDisposable
{
    readonly string root = Path.Combine(Path.GetTempPath(), "transformer-tests-" + Guid.NewGuid().ToString("N"));

    internal TinyRuns() => Directory.CreateDirectory(root);

    internal string PathOf(string name) => Path.Combine(root, name);

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

    /// <summary>The bytes of a file of the newest checkpoint.</summary>
    internal byte[] Newest(string run, string file)
    {
        using var folder = RunFolder.OpenForReading(PathOf(run));
        return File.ReadAllBytes(folder.Checkpoints.Open("latest").PathOf(file));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
