using System.Reflection.PortableExecutable;

namespace TransformerCli.Tests;

/// <summary>What a command loads: read off the log that the system's dynamic loader writes.</summary>
[Trait("Category", "slow")]
public sealed class StartupTests : FolderTest
{
    string Loaded(params string[] arguments)
    {
        var log = At("log");
        EndedProcess.Run(arguments, new Dictionary<string, string> { ["LD_DEBUG"] = "files", ["LD_DEBUG_OUTPUT"] = log }).Done();
        var text = string.Concat(Directory.EnumerateFiles(Folder, "log.*").Select(File.ReadAllText));
        foreach (var file in Directory.EnumerateFiles(Folder, "log.*")) File.Delete(file);
        Assert.Contains("libcoreclr", text);
        return text;
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("train --help")]
    [InlineData("config list")]
    [InlineData("config check --each gpt-stories multi30k-de-en vit-cifar10")]
    [InlineData("config show gpt2-small --resolved")]
    [InlineData("config schema")]
    [InlineData("completion bash")]
    [InlineData("tokenizer train --input README.md --vocabulary 300 --output OUT/tokenizer.json")]
    [InlineData("tokenizer inspect OUT/tokenizer.json")]
    [InlineData("data make stories --size 10kB --output OUT/stories")]
    [InlineData("data inspect OUT/stories")]
    [InlineData("plot schedule gpt-stories --output OUT/schedule.svg")]
    public void A_command_that_does_not_compute_loads_no_libtorch(string line)
    {
        var words = line.Replace("OUT", Folder).Replace("README.md", Repository.PathOf("README.md")).Split(' ');
        if (words[0] == "tokenizer") Assert.Equal(0, CommandLine.Run("tokenizer", "train", "--input", Repository.PathOf("README.md"), "--vocabulary", "300", "--output", At("tokenizer.json")).ExitCode);
        if (words is ["data", "inspect", ..]) Assert.Equal(0, CommandLine.Run("data", "make", "stories", "--size", "10kB", "--output", At("stories")).ExitCode);
        Assert.DoesNotContain("libtorch", Loaded(words));
    }

    [Fact]
    public void A_command_that_computes_loads_it() => Assert.Contains("libtorch", Loaded("doctor"));

    [Fact]
    public void The_assemblies_beside_the_program_carry_native_code()
    {
        Assert.SkipUnless(Repository.Configuration == "Release", "only release builds are compiled ahead of time");
        Assert.All(Directory.EnumerateFiles(Path.GetDirectoryName(EndedProcess.Dll)!, "*.dll"), file =>
        {
            using var assembly = new PEReader(File.OpenRead(file));
            Assert.NotEqual(0, assembly.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size);
        });
    }
}
