namespace TransformerCli.Tests;

/// <summary>The program on a machine without libtorch: NuGet's folder of packages is an empty one.</summary>
[Trait("Category", "slow")]
public sealed class LibtorchMissingTests : FolderTest
{
    Outcome Run(string fetch, params string[] arguments) =>
        ProgramProcess.Run(Folder, arguments, "env", "-u", "LIBTORCH", $"NUGET_PACKAGES={Folder}/packages", $"TRANSFORMER_FETCH={fetch}");

    [Fact]
    public void Switched_off_it_is_not_fetched_and_the_message_has_the_remedies()
    {
        var outcome = Run("off", "bench", "kernels");
        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.Matches(@"^error: no libtorch was found, and libtorch-cpu-\S+ 2\.10\.0 may not be downloaded: that is switched off \(unset TRANSFORMER_FETCH, .*LIBTORCH\)\s*$", outcome.Error);
        Assert.Equal(2, Run("off", "doctor").ExitCode);
    }

    [Fact]
    public void Doctor_says_that_it_will_be_fetched_and_fetches_nothing()
    {
        var outcome = Run("", "doctor");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("note: no libtorch was found; the first command that computes downloads libtorch-cpu-", outcome.Output);
        Assert.False(Directory.Exists(At("packages")));
    }

    [Fact]
    public void A_source_that_cannot_be_reached_is_one_message_and_exit_code_2()
    {
        Write("NuGet.config", """
            <configuration><packageSources><clear /><add key="gone" value="gone" /></packageSources></configuration>
            """);
        var outcome = Run("", "bench", "kernels").Exits(2);
        Assert.Matches(@"^downloading libtorch .*\nerror: no libtorch was found, and libtorch-cpu-\S+ 2\.10\.0 could not be downloaded: NU1301: .*LIBTORCH\)\s*$", outcome.Error.ReplaceLineEndings("\n"));
    }
}
