namespace TransformerCli.Tests.Commands;

/// <summary>A folder with a tiny text run, and the processes that train it.</summary>
public abstract class TrainingProcesses : FolderTest
{
    private protected string Run => At("run");
    private protected CheckpointStore Store => new(Path.Combine(Run, "checkpoints"));

    protected string[] Train(params string[] sets)
    {
        Write("tiny.yaml", """
            data:
              kind: text
              source: { generator: stories, size: 200kB }
              tokenizer: { kind: bytes }
              holdout: 0.1
            model: { kind: gpt, layers: 1, heads: 2, width: 32, context: 32 }
            training:
              steps: 1000000
              batch: { sequences: 4 }
              optimizer: { kind: adamw, lr: 1.0e-3 }
              validate: { every: 1000000 }
              checkpoint: { every: 1000000 }
              sample: { tokens: 0 }
            """);
        return ["train", "tiny.yaml", "--run", Run, "--device", "cpu", "--threads", "1", .. sets.SelectMany(set => new[] { "--set", set })];
    }

    // On a busy machine a process may well be silent for some seconds: only tests of silence shorten the limit.
    protected static string[] Under(string mpi, int? silence = null) => ["env", $"TRANSFORMER_MPIRUN={Mpi.Launcher(mpi)}", .. silence is { } limit ? new[] { $"TRANSFORMER_SILENCE={limit}" } : []];

    private protected ProgramProcess Start(string mpi, int processes, params string[] sets) => new(Folder, [.. Train(sets), "--nproc", $"{processes}"], Under(mpi));

    // The training processes by rank, which a launcher passes in the environment. Some are children of a shell.
    protected Dictionary<int, int> Ranks()
    {
        var found = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)))
            try
            {
                if (!File.ReadAllText(Path.Combine(folder, "cmdline")).Contains(Run, StringComparison.Ordinal) || File.ReadAllText(Path.Combine(folder, "comm")) == "sh\n" || File.ReadAllText(Path.Combine(folder, "stat")).Contains(") Z", StringComparison.Ordinal)) continue;
                var rank = File.ReadAllText(Path.Combine(folder, "environ")).Split('\0').Select(one => one.Split('=', 2)).FirstOrDefault(one => one[0] is "OMPI_COMM_WORLD_RANK" or "PMI_RANK");
                if (rank is not null) found[int.Parse(rank[1], CultureInfo.InvariantCulture)] = int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The process has just ended.
            }
        return found;
    }

    protected static void Signal(int process, string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process}"]);
        kill.WaitForExit();
    }

    protected void AssertNothingIsLeft()
    {
        // They end in their own time: a process that waits in vain for another one needs ten seconds.
        for (var waited = 0; Ranks().Count > 0 && waited < 600; waited++) Thread.Sleep(100);
        Assert.Empty(Ranks());
    }
}
