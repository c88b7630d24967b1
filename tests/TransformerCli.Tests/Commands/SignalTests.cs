using System.Runtime.CompilerServices;
using Transformers.Runs;

namespace TransformerCli.Tests.Commands;

/// <summary>A test that sends POSIX signals.</summary>
public sealed class SignalTheoryAttribute : TheoryAttribute
{
    public SignalTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (OperatingSystem.IsWindows()) Skip = "needs POSIX signals";
    }
}

/// <summary>Signals at every stage of the real program: the exit code, and what is on the disk.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class SignalTests : FolderTest
{
    string Run => At("run");
    CheckpointStore Store => new(Path.Combine(Run, "checkpoints"));

    string[] Train(params string[] sets)
    {
        Write("tiny.yaml", """
            data:
              kind: text
              source: { generator: stories, size: 200kB }
              tokenizer: { kind: bytes }
            model: { kind: gpt, layers: 1, heads: 2, width: 32, context: 32 }
            training:
              steps: 1000000
              batch: { sequences: 4 }
              optimizer: { kind: adamw, lr: 1.0e-3 }
              validate: { every: 1000000 }
              checkpoint: { every: 1000000 }
              sample: { tokens: 0 }
            """);
        return ["train", "tiny.yaml", "--run", Run, "--device", "cpu", .. sets.SelectMany(set => new[] { "--set", set })];
    }

    ProgramProcess Start(params string[] sets) => new(Folder, Train(sets));

    // How long a stage lasts is the machine's: one that was over before the signal came is met again with twice the work.
    Outcome Interrupt(string stage, string signal, Func<Outcome, bool> missed, Func<int, string[]> setsOfSize)
    {
        for (var size = 1; ; size *= 2)
        {
            using var program = new ProgramProcess(Folder, [.. Train(setsOfSize(size)), "--json"]);
            program.WaitForError(stage);
            program.Signal(signal);
            var ended = program.End();
            if (!missed(ended) || size == 16) return ended;
            StartOver();
        }
    }

    void StartOver()
    {
        Directory.Delete(Folder, recursive: true);
        Directory.CreateDirectory(Folder);
    }

    // The newest checkpoint is whole, none is half there, and the same command goes on from it.
    long AssertGoesOn(params string[] sets)
    {
        var newest = Store.FindNewestIntact(out var skipped);
        Assert.Empty(skipped);
        Assert.NotNull(newest);
        Assert.Contains($"resuming from step {newest.Step} ", ProgramProcess.Run(Folder, [.. Train(sets), "--max-steps", $"{newest.Step + 2}"]).Done().Error);
        return newest.Step;
    }

    // A launcher that is about to kill its processes reads their output no more.
    [SignalTheory]
    [InlineData("TERM", 143)]
    public void A_run_whose_progress_nobody_reads_saves_when_it_is_asked_to_stop(string signal, int code)
    {
        using (var fifo = Process.Start("mkfifo", At("progress"))) fifo.WaitForExit();
        using var unread = new FileStream(At("progress"), FileMode.Open, FileAccess.ReadWrite);
        using var program = new ProgramProcess(Folder, Train("training.log.every=1"), "sh", "-c", "exec \"$@\" 2> progress", "sh");
        var (metrics, size) = (new FileInfo(Path.Combine(Run, "metrics.jsonl")), 0L);
        program.Until("the pipe is full and training waits", () =>
        {
            Thread.Sleep(1000);
            metrics.Refresh();
            if (!metrics.Exists) return false;
            var grown = metrics.Length != size;
            size = metrics.Length;
            return size > 0 && !grown;
        });
        program.Signal(signal);
        Assert.Equal(code, program.End().ExitCode);
        Assert.NotNull(Store.FindNewestIntact(out _));
    }

    [SignalTheory]
    [InlineData("TERM", 143, "sigterm")]
    [InlineData("INT", 130, "sigint")]
    [InlineData("HUP", 129, "sighup")]
    public void A_signal_during_a_step_finishes_and_saves_it(string signal, int code, string reason)
    {
        // The tests themselves may run under nohup.
        using var program = new ProgramProcess(Folder, Train(), "env", "--default-signal");
        program.WaitForError("step 20/");
        program.Signal(signal);
        Assert.Contains(reason, program.End().Exits(code).Output);
        Assert.True(AssertGoesOn() >= 20);
        Assert.False(File.Exists(Path.Combine(Run, "result.json")));
    }

    [SignalTheory]
    [InlineData("nohup")]
    public void Under_nohup_a_lost_terminal_does_not_end_a_run(string prefix)
    {
        using var program = new ProgramProcess(Folder, Train(), prefix);
        program.WaitForError("step 20/");
        program.Signal("HUP");
        var before = program.Error.Length;
        program.Until("more steps", () => program.Error.Length > before + 200);
        program.Signal("TERM");
        Assert.Equal(143, program.End().ExitCode);
    }

    [SignalTheory]
    [InlineData("training the tokenizer")]
    [InlineData("tokenizing")]
    public void A_signal_during_start_up_leaves_nothing_half_written(string stage)
    {
        string[] slow = [];
        var ended = Interrupt(stage, "TERM", missed: _ => Store.Steps().Any() || Prepared().Any(),
            size => slow = [$"data.source.size={6 * size}MB", "data.tokenizer={ kind: bpe, vocabulary: 3000 }"]).Exits(143);
        Assert.Contains("stopped before the first step", ended.Error);
        using (var document = JsonDocument.Parse(ended.Output))
            Assert.Equal(("transformer.stopped/1", "train", "sigterm"), (document.RootElement.GetProperty("schema").GetString(), document.RootElement.GetProperty("command").GetString(), document.RootElement.GetProperty("stopped").GetString()));
        Assert.Empty(Store.Steps());
        Assert.Empty(Prepared());
        ProgramProcess.Run(Folder, [.. Train(slow), "--max-steps", "1"]).Done();
    }

    IEnumerable<string> Prepared() => Directory.Exists(At("data")) ? Directory.GetFiles(At("data"), "dataset.json", SearchOption.AllDirectories) : [];

    [SignalTheory]
    [InlineData("TERM", 143)]
    public void A_signal_during_the_last_validation_leaves_it_to_the_resumed_run(string signal, int code)
    {
        string[] long_ = [];
        var ended = Interrupt("step 10/10", signal, missed: ended => ended.Error.Contains("val_loss", StringComparison.Ordinal),
            size => long_ = ["data.holdout=0.9", $"data.source.size={4 * size}MB", "training.steps=10", "model.width=64"]).Exits(code);
        Assert.DoesNotContain("val_loss", ended.Error);
        Assert.Equal(10, Store.FindNewestIntact(out _)!.Step);
        Assert.False(File.Exists(Path.Combine(Run, "result.json")));
        ProgramProcess.Run(Folder, Train(long_)).Done();
        Assert.True(File.Exists(Path.Combine(Run, "result.json")));
        Assert.Single(MetricsLog.Read(Path.Combine(Run, "metrics.jsonl")), e => e.Split == "val");
    }

    [SignalTheory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public void A_signal_during_a_save_finishes_it(string signal, int code)
    {
        // 20 MB a checkpoint: long enough in the writing to be met there.
        string[] large = ["model.width=256", "model.layers=2", "training.checkpoint.every=1"];
        using (var program = Start(large))
        {
            program.WaitForError("step 10/");
            var folder = Path.Combine(Run, "checkpoints");
            program.Until("a save", () => Directory.EnumerateDirectories(folder, "*.tmp").Any());
            program.Signal(signal);
            var ended = program.End().Exits(code);
            Assert.Empty(Directory.EnumerateDirectories(folder, "*.tmp"));
        }
        AssertGoesOn(large);
    }

    [SignalTheory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public void A_second_signal_ends_at_once_and_damages_nothing(string signal, int code)
    {
        // A step of seconds; on a faster machine, one that ended before the second signal came is repeated with twice the work.
        for (var (size, done) = (1, false); !done; size *= 2)
        {
            string[] slow = [$"training.batch.sequences={16384 * size}", "training.batch.micro=16384", "training.log.every=1"];
            using (var program = Start(slow))
            {
                program.WaitForError("step 1/");
                program.Signal("USR1");
                program.Until("a checkpoint", () => Store.LatestStep is not null);
                program.WaitForError($"step {Store.LatestStep + 1}/");
                program.Signal(signal);
                Thread.Sleep(300); // Two signals at almost the same time may be one to the kernel.
                program.Signal(signal);
                var ended = program.End().Exits(code);
                // The first signal alone finishes the step, saves and prints the result.
                done = ended.Output.Length == 0;
                Assert.True(done || size < 16, ended.Output);
            }
            if (done) AssertGoesOn(slow);
            else StartOver();
        }
    }

    [SignalTheory]
    [InlineData("USR1")]
    public void Sigusr1_saves_and_continues(string signal)
    {
        using var program = Start();
        program.WaitForError("step 20/");
        program.Signal(signal);
        program.Until("a checkpoint", () => Store.LatestStep is not null);
        var saved = Store.LatestStep!.Value;
        Assert.InRange(saved, 20, 999_999);
        program.WaitForError($"step {(saved / 20 + 2) * 20}/");
        Assert.Equal([saved], Store.Steps());
        program.Signal("TERM");
        Assert.Equal(143, program.End().ExitCode);
    }

    [SignalTheory]
    [InlineData("3s")]
    public void Max_time_ends_with_0_and_a_checkpoint(string time)
    {
        // The time includes the preparation of the data, which is over here.
        Assert.Equal(0, ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "1"]).ExitCode);
        var ended = ProgramProcess.Run(Folder, [.. Train(), "--max-time", time, "--json"]).Done();
        Assert.Equal("max_time", ended.Json.GetProperty("stopped").GetString());
        Assert.Equal(AssertGoesOn(), ended.Json.GetProperty("steps").GetInt64());
    }

    [SignalTheory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public void Generation_ends_with_the_signals_code(string signal, int code)
    {
        Assert.Equal(0, ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "2"]).ExitCode);
        File.WriteAllLines(At("prompts.txt"), Enumerable.Repeat("a", 1_000_000));
        using var program = new ProgramProcess(Folder, ["generate", Run, "--input", "prompts.txt", "--max-new-tokens", "20", "--device", "cpu"]);
        program.Until("a completion", () => program.Output.Contains('\n'));
        program.Signal(signal);
        var ended = program.End().Exits(code);
        Assert.NotNull(Store.FindNewestIntact(out _));
    }
}
