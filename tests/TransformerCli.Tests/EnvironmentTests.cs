namespace TransformerCli.Tests;

/// <summary>Variables of the environment with values that are wrong.</summary>
[Collection("engine")]
public sealed class EnvironmentTests : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("transformer-environment-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    CommandLine.Outcome Train(params string[] variables)
    {
        File.WriteAllText(Path.Combine(root, "a.txt"), string.Concat(Enumerable.Repeat("the cat sat on the mat.\n", 30)));
        File.WriteAllText(Path.Combine(root, "gpt.yaml"), """
            data: { kind: text, source: { files: [a.txt] }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 16 }
            training: { steps: 1, batch: { sequences: 2 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }
            """);
        return ProgramProcess.Run(root, ["train", "gpt.yaml", "--run", "run", "--device", "cpu"], ["env", .. variables]);
    }

    [Theory]
    [InlineData("TRANSFORMER_THREADS=many", "TRANSFORMER_THREADS (many) must be a whole number from 1 to 1024")]
    [InlineData("TRANSFORMER_FAILPOINT=nowhere", "TRANSFORMER_FAILPOINT (nowhere) must be one of ")]
    [InlineData("LIBTORCH=/dev/null/none", "/dev/null/none: LIBTORCH: the folder does not exist")]
    public void One_with_a_wrong_value_is_named_with_its_rule(string variable, string message)
    {
        var outcome = Train(variable);
        Assert.True(outcome.ExitCode == 2, outcome.Error);
        Assert.Contains($"error: {message}", outcome.Error);
        Assert.DoesNotContain("   at ", outcome.Error);
    }

    [Fact]
    public void A_process_that_finds_no_others_reports_it_whatever_its_rank()
    {
        var outcome = Train("PMI_SIZE=2", "PMI_RANK=1");
        Assert.True(outcome.ExitCode == 2, outcome.Error);
        Assert.Contains("error: mpiexec started 2 processes, but ", outcome.Error);
    }

    [Fact]
    public void A_home_folder_that_does_not_exist_is_not_replaced_by_the_working_folder()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named ? named : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var outcome = Train($"HOME={Path.Combine(root, "gone")}", $"NUGET_PACKAGES={packages}", "XDG_CACHE_HOME=");
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.False(Directory.Exists(Path.Combine(root, ".cache")));
    }

    [Fact]
    public void A_cache_folder_that_is_not_an_absolute_path_is_not_created_in_the_working_folder()
    {
        var outcome = Train("XDG_CACHE_HOME=cache-of-mine");
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.False(Directory.Exists(Path.Combine(root, "cache-of-mine")));
    }
}
