using System.Collections.Concurrent;
using Transformers.Tests.Processes;

namespace Transformers.Tests.Training;

/// <summary>Training with several real processes is the training of one.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class SeveralProcessesTests(SeveralProcessesTests.Trained trained) : IClassFixture<SeveralProcessesTests.Trained>
{
    const string Text = """
        data:
          kind: text
          source: { generator: stories, size: 60kB }
          tokenizer: { kind: bytes }
          holdout: 0.1
        model: { kind: gpt, layers: 3, heads: 2, width: 32, context: 32, tie_embeddings: true DROPOUT }
        """;

    const string Pairs = """
        data:
          kind: parallel
          source: { generator: copy, size: 400 }
          tokenizer: { kind: words }
        model: { kind: seq2seq, layers: 2, heads: 2, width: 16, context: 24 DROPOUT }
        """;

    const string Images = """
        data:
          kind: images
          source: { generator: digits, count: 300, side: 12 }
          input: { size: 12, channels: 1 }
          holdout: { count: 41 }
          augment: { pad: 1, mixup: 0.2, erase: 0.2 }
          threads: 1
        model: { kind: vit, patch: 4, layers: 2, heads: 2, width: 16 DROPOUT }
        """;

    const string Classes = """
        data:
          kind: labelled
          source: { generator: sentiment, size: 300 }
          tokenizer: { kind: words }
        model: { kind: encoder, layers: 2, heads: 2, width: 32, context: 64, head: { kind: classify } DROPOUT }
        """;

    const string Series = """
        data: { kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 90 }, length: 64, holdout: 0.4 }
        model: { kind: series_classifier, patch: 16, layers: 1, heads: 2, width: 16 DROPOUT }
        """;

    const string Sounds = """
        data: { kind: audio, source: { generator: digits, count: 40 }, seconds: 0.3, mels: 16, holdout: 0.4 }
        model: { kind: ast, patch: 8, layers: 1, heads: 2, width: 16 DROPOUT }
        """;

    const string Masked = """
        data: { kind: labelled, source: { generator: sentiment, size: 300 }, tokenizer: { kind: words } }
        model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 64, head: { kind: masked } DROPOUT }
        """;

    // Validation has 197 windows, four batches.
    const string Forecast = """
        data: { kind: series, source: { generator: regimes, count: 4, length: 300 }, context: 48, horizon: 12, season: 24, validation: 60, test: 36 }
        model: { kind: patchtst, patch: 6, layers: 1, heads: 2, width: 16, calibration: { networks: 1, windows: 5 } DROPOUT }
        """;

    const string Scenes = """
        data: { kind: image_text, source: { generator: scenes, size: 240 }, tokenizer: { kind: words }, input: { size: 32 } }
        model: { kind: vilbert, text: { layers: 1, heads: 2, width: 8 }, image: { layers: 1, heads: 2, width: 16 }, co_layers: 1, width: 16, patch: 16, context: 32 DROPOUT }
        """;

    static readonly string Resnet = Images.Replace("{ kind: vit, patch: 4, layers: 2, heads: 2, width: 16 DROPOUT }", "{ kind: resnet, width: 4, layers: [1, 1] }");

    const string Sgd = "{ kind: sgd, lr: 0.05, momentum: 0.9 }", AdamW = "{ kind: adamw, lr: 1.0e-3, weight_decay: 0.1 }";

    static string Config(string model, string optimizer, string more = "", bool dropout = false) => $$"""
        {{model.Replace(" DROPOUT", !dropout ? "" : model is Images or Sounds ? ", drop: { path: 0.2 }" : ", dropout: 0.1")}}
        training:
          steps: 50
          optimizer: {{optimizer}}
          schedule: { kind: cosine, warmup: 5 }
          precision: fp32
          clip: 0.5
          validate: { every: 25, sentences: 6 }
          checkpoint: { every: 1000 }
          log: { every: 1 }
          sample: { tokens: 0 }
          {{(more.Contains("batch:", StringComparison.Ordinal) ? more : $"batch: {{ sequences: 8 }}\n  {more}")}}
        """;

    const string OneResnet = "one-resnet-for-";

    // Batches of 10 do not divide among 4 processes, and micro-batches of 2 do not divide the parts.
    static readonly Dictionary<string, string> Configs = new()
    {
        ["gpt-sgd"] = Config(Text, Sgd),
        ["gpt-adamw"] = Config(Text, AdamW, "batch: { sequences: 10, micro: 2 }\n  ema: { decay: 0.9 }", dropout: true),
        ["gpt-sharded"] = Config(Text, AdamW, "batch: { sequences: 10, micro: 2 }\n  ema: { decay: 0.9 }\n  shard_optimizer: true", dropout: true),
        ["seq2seq-sgd"] = Config(Pairs, Sgd, "batch: { tokens: 160 }"),
        ["seq2seq-adamw"] = Config(Pairs, AdamW, dropout: true),
        ["vit-sgd"] = Config(Images, Sgd, dropout: true),
        ["vit-adamw"] = Config(Images, AdamW.Replace(" }", ", layer_decay: 0.6 }"), "shard_optimizer: true"),
        ["classify-adamw"] = Config(Classes, AdamW, "batch: { sequences: 3 }", dropout: true),
        ["series-adamw"] = Config(Series, AdamW, dropout: true),
        ["sounds-adamw"] = Config(Sounds, AdamW, dropout: true),
        ["masked-adamw"] = Config(Masked, AdamW, dropout: true),
        ["forecast-adamw"] = Config(Forecast, AdamW, dropout: true),
        ["scenes-adamw"] = Config(Scenes, AdamW),
        ["resnet-sgd"] = Config(Resnet, Sgd),
        // One process that normalises as many images at once as each of several does.
        [OneResnet + "2"] = Config(Resnet, Sgd, "batch: { sequences: 8, micro: 4 }"),
        [OneResnet + "4"] = Config(Resnet, Sgd, "batch: { sequences: 8, micro: 2 }"),
    };

    public sealed record Line(long Step, string? Weights = null, double? Loss = null, double? Norm = null, double? ValLoss = null, long Targets = 0, Dictionary<string, double>? Metrics = null);

    /// <summary>Trains all configs once with each number of processes, and keeps what the tests compare.</summary>
    public sealed class Trained : IDisposable
    {
        readonly string root = Directory.CreateTempSubdirectory("transformer-ranks-").FullName;
        readonly ConcurrentDictionary<(string, int, int), string> done = new();

        internal string FolderOf(string mpi, int processes, int repetition = 0) => done.GetOrAdd((mpi, processes, repetition), _ =>
        {
            var folder = Path.Combine(root, $"{mpi}-{processes}-{repetition}");
            Directory.CreateDirectory(folder);
            foreach (var (name, config) in Configs) File.WriteAllText(Path.Combine(folder, $"{name}.yaml"), config);
            string[] arguments = ["train", Path.Combine(root, "cache"), .. Configs.Keys.Select(name => $"{Path.Combine(folder, name)}={Path.Combine(folder, name)}.yaml")];
            (processes == 1 ? RankHost.RunAlone(arguments) : RankHost.Run(mpi, processes, arguments)).Done();
            return folder;
        });

        internal List<Line> Read(string mpi, int processes, string name, int rank, int repetition = 0) =>
            [.. File.ReadLines(Path.Combine(FolderOf(mpi, processes, repetition), $"{name}.{rank}.jsonl"))
                .Select(Parse)];

        public void Dispose() => Directory.Delete(root, recursive: true);
    }

    static Line Parse(string line) => JsonSerializer.Deserialize<Line>(line, Transformers.IO.JsonStyle.Options)!;

    public static TheoryData<string, int, string> Runs()
    {
        var data = new TheoryData<string, int, string>();
        foreach (var mpi in new[] { Mpi.OpenMpi, Mpi.Mpich })
            foreach (var processes in new[] { 2, 4 })
                foreach (var name in Configs.Keys.Where(name => !name.StartsWith(OneResnet, StringComparison.Ordinal))) data.Add(mpi, processes, name);
        return data;
    }

    [MpiTheory]
    [MemberData(nameof(Runs))]
    public void Losses_norms_and_validations_are_those_of_one_process(string mpi, int processes, string name)
    {
        var batchNorm = name.StartsWith("resnet", StringComparison.Ordinal);
        var alone = trained.Read(Mpi.OpenMpi, 1, batchNorm ? OneResnet + processes : name, 0);
        var together = trained.Read(mpi, processes, name, 0);
        Assert.Equal(alone.Count, together.Count);
        Assert.Equal(50, alone.Count(line => line.Loss is not null));
        // Sums round differently in other orders; AdamW divides by the root of a square that may be tiny.
        var tolerance = name.EndsWith("sgd", StringComparison.Ordinal) ? 1e-6 : 2e-5;
        foreach (var (one, other) in alone.Zip(together))
        {
            Assert.Equal((one.Step, one.Targets), (other.Step, other.Targets));
            Near(one.Loss, other.Loss, tolerance, $"loss of step {one.Step}");
            Near(one.Norm, other.Norm, 10 * tolerance, $"gradient norm of step {one.Step}");
            // The averages of two micro-batches one after the other are not the mean of two averages.
            if (batchNorm) continue;
            Near(one.ValLoss, other.ValLoss, tolerance, $"validation of step {one.Step}");
            if (one.Metrics is null) continue;
            Assert.Equal(one.Metrics.Keys.Order(), other.Metrics!.Keys.Order());
            foreach (var (metric, value) in one.Metrics) Near(value, other.Metrics[metric], 1e-3, $"{metric} of step {one.Step}");
        }
    }

    static void Near(double? wanted, double? found, double tolerance, string what)
    {
        Assert.Equal(wanted is null, found is null);
        if (wanted is { } value && !double.IsNaN(value)) Assert.True(Math.Abs(found!.Value - value) <= tolerance * Math.Abs(value) + 1e-12, $"{what}: {found} instead of {value}");
    }

    [MpiTheory]
    [MemberData(nameof(Runs))]
    public void All_processes_have_the_same_weights_after_every_step(string mpi, int processes, string name)
    {
        var first = trained.Read(mpi, processes, name, 0).Where(line => line.Weights is not null).ToList();
        Assert.Equal(50, first.Count);
        // The last learning rate is 0; the averages of a batch norm still change.
        Assert.Equal(name.StartsWith("resnet", StringComparison.Ordinal) ? 50 : 49, first.Select(line => line.Weights).Distinct().Count());
        for (var rank = 1; rank < processes; rank++)
            Assert.Equal(first, trained.Read(mpi, processes, name, rank).Where(line => line.Weights is not null));
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, 2)]
    [InlineData(Mpi.OpenMpi, 4)]
    public void A_sharded_optimizer_gives_the_weights_of_a_whole_one(string mpi, int processes)
    {
        static IEnumerable<string?> Weights(IEnumerable<Line> lines) => lines.Select(line => line.Weights).OfType<string>();
        Assert.Equal(Weights(trained.Read(mpi, processes, "gpt-adamw", 0)), Weights(trained.Read(mpi, processes, "gpt-sharded", 0)));
        // And the checkpoints are the same to the bit, the optimizer's state included.
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer, CheckpointFiles.Average })
            Assert.Equal(FileOf("gpt-adamw", file), FileOf("gpt-sharded", file));

        byte[] FileOf(string name, string file)
        {
            using var folder = RunFolder.OpenForReading(Path.Combine(trained.FolderOf(mpi, processes), name));
            return File.ReadAllBytes(folder.Checkpoints.Open("latest").PathOf(file));
        }
    }

    // Fewer sequences per step and fewer batches of validation than processes; the learning rate is too high, so the loss soon rises.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi, 2)]
    [InlineData(Mpi.Mpich, 3)]
    [InlineData(Mpi.OpenMpi, 4)]
    [InlineData(Mpi.Mpich, 4)]
    public void Processes_without_data_and_early_stopping_change_nothing(string mpi, int processes)
    {
        var folder = Path.Combine(Path.GetDirectoryName(trained.FolderOf(Mpi.OpenMpi, 1))!, $"few-{mpi}-{processes}");
        Directory.CreateDirectory(folder);
        var config = Config(Text, "{ kind: sgd, lr: 2 }", "batch: { sequences: 2 }", dropout: true).Replace("validate: { every: 25, sentences: 6 }", "validate: { every: 3, batches: 1, patience: 1 }");
        File.WriteAllText(Path.Combine(folder, "few.yaml"), config);
        List<Line> Train(string run, Func<string[], Outcome> start)
        {
            start(["train", Path.Combine(folder, "cache"), $"{Path.Combine(folder, run)}={Path.Combine(folder, "few.yaml")}"]).Done();
            return [.. File.ReadLines(Path.Combine(folder, $"{run}.0.jsonl")).Select(Parse)];
        }
        var (alone, together) = (Train("alone", RankHost.RunAlone), Train("together", arguments => RankHost.Run(mpi, processes, arguments)));
        Assert.InRange(alone[^1].Step, 9, 48);
        Assert.Equal(alone.Select(line => (line.Step, line.Targets)), together.Select(line => (line.Step, line.Targets)));
        foreach (var (one, other) in alone.Zip(together))
        {
            Near(one.Loss, other.Loss, 1e-4, $"loss of step {one.Step}");
            Near(one.ValLoss, other.ValLoss, 1e-4, $"validation of step {one.Step}");
        }
    }

    [MpiTheory]
    [InlineData("gpt-sharded")]
    public void A_run_that_was_saved_by_four_processes_resumes_with_two_and_with_one(string name)
    {
        var alone = trained.Read(Mpi.OpenMpi, 1, name, 0).Where(line => line.Loss is not null).ToDictionary(line => line.Step);
        var folder = Path.Combine(Path.GetDirectoryName(trained.FolderOf(Mpi.OpenMpi, 1))!, "resumed");
        Directory.CreateDirectory(folder);
        var run = Path.Combine(folder, name);
        File.WriteAllText($"{run}.yaml", Configs[name]);
        long from = 0;
        foreach (var (processes, to) in new[] { (4, 20), (2, 35), (1, 50) })
        {
            string[] arguments = ["train", Path.Combine(folder, "cache"), $"{run}={run}.yaml@{to}"];
            (processes == 1 ? RankHost.RunAlone(arguments) : RankHost.Run(Mpi.OpenMpi, processes, arguments)).Done();
            var lines = File.ReadLines($"{run}.0.jsonl").Select(Parse).Where(line => line.Loss is not null).ToList();
            Assert.Equal(Enumerable.Range((int)from + 1, to - (int)from).Select(step => (long)step), lines.Select(line => line.Step));
            foreach (var line in lines) Near(alone[line.Step].Loss, line.Loss, 2e-5, $"loss of step {line.Step} with {processes} processes");
            from = to;
        }
    }

    [MpiTheory]
    [InlineData("gpt-adamw")]
    [InlineData("vit-adamw")]
    public void Two_runs_and_both_libraries_agree_bit_for_bit(string name)
    {
        var first = trained.Read(Mpi.OpenMpi, 2, name, 0);
        Assert.Equal(first.Select(line => line.Weights), trained.Read(Mpi.OpenMpi, 2, name, 0, repetition: 1).Select(line => line.Weights));
        Assert.Equal(first.Select(line => line.Weights), trained.Read(Mpi.Mpich, 2, name, 0).Select(line => line.Weights));
    }
}
