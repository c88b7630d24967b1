namespace TransformerCli.Tests;

/// <summary>Variables of the environment with values that are wrong.</summary>
[Collection("engine")]
public sealed class EnvironmentTests : FolderTest
{
    Outcome Train(params string[] variables)
    {
        Write("a.txt", string.Concat(Enumerable.Repeat("the cat sat on the mat.\n", 30)));
        Write("gpt.yaml", """
            data: { kind: text, source: { files: [a.txt] }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 16 }
            training: { steps: 1, batch: { sequences: 2 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }
            """);
        return ProgramProcess.Run(Folder, ["train", "gpt.yaml", "--run", "run", "--device", "cpu"], ["env", .. variables]);
    }

    [Theory]
    [InlineData("TRANSFORMER_THREADS=many", "TRANSFORMER_THREADS (many) must be a whole number from 1 to 1024")]
    [InlineData("TRANSFORMER_FAILPOINT=nowhere", "TRANSFORMER_FAILPOINT (nowhere) must be one of ")]
    [InlineData("LIBTORCH=/dev/null/none", "/dev/null/none: LIBTORCH: the folder does not exist")]
    public void One_with_a_wrong_value_is_named_with_its_rule(string variable, string message) =>
        Assert.Contains($"error: {message}", Train(variable).Exits(2).Error);

    [Fact]
    public void The_folder_of_prepared_data_is_the_one_that_is_named()
    {
        var scratch = At("scratch");
        Assert.Equal(0, Train($"TRANSFORMER_CACHE={scratch}").ExitCode);
        Assert.NotEmpty(Directory.EnumerateFiles(scratch, "*.shard", SearchOption.AllDirectories));
        Assert.False(Directory.Exists(At("data")));
        // A file in the folder's place, which cannot become a folder for anyone, root included.
        Write("taken", "");
        Directory.Delete(At("run"), recursive: true);
        var refused = Train($"TRANSFORMER_CACHE={At("taken", "cache")}").Exits(2);
        Assert.Contains("prepared data are written there; the environment variable TRANSFORMER_CACHE names another folder", refused.Error);
    }

    [Fact]
    public void A_process_that_finds_no_others_reports_it_whatever_its_rank() =>
        Assert.Contains("error: mpiexec started 2 processes, but ", Train("PMI_SIZE=2", "PMI_RANK=1").Exits(2).Error);

    [Fact]
    public void A_home_folder_that_does_not_exist_is_not_replaced_by_the_working_folder()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named ? named : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        Train($"HOME={At("gone")}", $"NUGET_PACKAGES={packages}", "XDG_CACHE_HOME=").Done();
        Assert.False(Directory.Exists(At(".cache")));
    }

    // Runs a program in a terminal of one column, and passes its output on.
    const string Narrow = """
        import fcntl, os, pty, struct, sys, termios
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 1, 0, 0))
            os.environ['TERM'] = 'xterm'
            os.environ.pop('CI', None)
            os.execvp(sys.argv[1], sys.argv[1:])
        try:
            while block := os.read(terminal, 4096): os.write(1, block)
        except OSError: pass
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """;

    [Fact]
    public void A_terminal_of_one_column_does_not_stop_the_work()
    {
        if (!OperatingSystem.IsLinux() || !Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "python3")))) Assert.Skip("there is no python3 to open a terminal");
        Assert.Equal(0, Train("A=b").ExitCode);
        var outcome = ProgramProcess.Run(Folder, ["inspect", "run", "--no-measure"], "python3", "-c", Narrow).Done();
        Assert.Contains("tok_emb.weight", outcome.Output);
        outcome = ProgramProcess.Run(Folder, ["train", "gpt.yaml", "--run", "run", "--set", "training.steps=3"], "python3", "-c", Narrow).Done();
        Assert.Contains("train_loss", outcome.Output);
    }

    [Fact]
    public void A_cache_folder_that_is_not_an_absolute_path_is_not_created_in_the_working_folder()
    {
        Train("XDG_CACHE_HOME=cache-of-mine").Done();
        Assert.False(Directory.Exists(At("cache-of-mine")));
    }
}
