namespace TransformerCli.Tests.Commands;

/// <summary>The real program where memory is short.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed partial class OutOfMemoryTests : FolderTest
{
    const int Killed = 137;
    const long Limit = 640L << 20;

    // A step of 4,096 sequences at once takes more than a gigabyte.
    string[] Train(string run, params string[] sets)
    {
        Write("large.yaml", """
            data:
              kind: text
              source: { generator: stories, size: 400kB }
              tokenizer: { kind: bytes }
            model: { kind: gpt, layers: 3, heads: 2, width: 64, context: 32, dropout: 0.1 }
            training:
              steps: 2
              batch: { sequences: 4096 }
              optimizer: { kind: adamw, lr: 1.0e-3 }
              precision: fp32
              validate: { batches: 1 }
              sample: { tokens: 0 }
            """);
        return ["train", "large.yaml", "--run", At(run), "--device", "cpu", .. sets.SelectMany(set => new[] { "--set", set })];
    }

    byte[] Weights(string run) => File.ReadAllBytes(new CheckpointStore(At(run, "checkpoints")).Open("latest").PathOf(CheckpointFiles.Model));

    [MemoryGroupFact]
    public void A_batch_that_would_exhaust_memory_exits_with_4_and_gives_numbers_and_a_remedy()
    {
        using var group = new MemoryGroup(Limit);
        var ended = ProgramProcess.Run(Folder, Train("run"), group.Prefix);
        Assert.True(ended.ExitCode != Killed, "the kernel killed the process before it saw the limit");
        Assert.True(ended.ExitCode == 4, $"{ended.ExitCode} {ended.Error}");
        Assert.Matches(@"error: out of memory: training needs [0-9,]+ MiB but may use only [0-9,]+ MiB \(/sys/fs/cgroup/", ended.Error);
        Assert.Contains("lower training.batch.micro (4096) or set training.batch.fit to true", ended.Error);
        Assert.DoesNotContain("   at ", ended.Error);
    }

    [MemoryGroupFact]
    public void With_fit_micro_batches_are_halved_and_the_weights_are_those_of_accumulation()
    {
        using (var group = new MemoryGroup(Limit))
        {
            var fitted = ProgramProcess.Run(Folder, Train("fitted", "training.batch.fit=true"), group.Prefix).Done();
            var said = Fitted().Match(fitted.Error);
            Assert.True(said.Success, fitted.Error);
            Assert.Equal("4,096", said.Groups[2].Value);

            // Without a limit, with the size that was found.
            var given = ProgramProcess.Run(Folder, Train("given", $"training.batch.micro={said.Groups[1].Value.Replace(",", "", StringComparison.Ordinal)}")).Done();
            Assert.DoesNotContain("training.batch.fit", given.Error);
        }
        Assert.Equal(Weights("given"), Weights("fitted"));
    }

    [GeneratedRegex(@"training\.batch\.fit: ([0-9,]+) sequences? per micro-batch instead of ([0-9,]*[0-9])")]
    private static partial Regex Fitted();

    [Fact]
    public void An_allocation_that_libtorch_is_refused_is_exit_code_4()
    {
        // 2 TiB of weights: more than any address space limit or overcommit gives.
        var ended = ProgramProcess.Run(Folder, Train("run", "model.width=262144", "model.heads=1024", "model.layers=1")).Exits(4);
        Assert.Contains("out of memory: ", ended.Error);
        Assert.Contains("smaller", ended.Error);
    }
}
