namespace TransformerCli.Tests;

/// <summary>The program where the library of kernels is not: copied without it, to a machine without a compiler.</summary>
[Trait("Category", "slow")]
public sealed class KernelsMissingTests : FolderTest
{
    const string Warning = "warning: the kernels are not in use, so computing on a CPU is slower: ";

    // The program as it was built, without what the tests have beside it.
    string Copy()
    {
        var built = Repository.PathOf("artifacts", "bin", "TransformerCli", Repository.Configuration.ToLowerInvariant());
        foreach (var file in Directory.EnumerateFiles(built, "*", SearchOption.AllDirectories))
        {
            var copy = At(Path.Combine("program", Path.GetRelativePath(built, file)));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            if (!Path.GetFileName(file).Contains("transformer_kernels", StringComparison.Ordinal)) File.Copy(file, copy);
        }
        return At("program/transformer.dll");
    }

    Outcome Run(string program, string? kernels, params string[] arguments) =>
        Programs.Run("env", ["-u", "TRANSFORMER_KERNELS", .. kernels is null ? [] : new[] { $"TRANSFORMER_KERNELS={kernels}" }, "dotnet", program, .. arguments], folder: Folder);

    [Fact]
    public void Every_command_that_computes_on_a_processor_says_so_once_with_the_remedy()
    {
        Write("tiny.yaml", """
            data: { kind: text, source: { generator: stories, size: 20kB }, tokenizer: { kind: bytes }, holdout: 0.1 }
            model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 16 }
            training: { steps: 2, batch: { sequences: 2 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }
            """);
        var program = Copy();
        foreach (var line in new[] { "train tiny.yaml --run A --device cpu", "eval A --device cpu", "generate A --prompt the --max-new-tokens 3 --device cpu --json" })
        {
            var said = Assert.Single(Run(program, null, line.Split(' ')).Done().Error.Split('\n'), one => one.Contains("kernels", StringComparison.Ordinal));
            Assert.StartsWith(Warning, said);
            Assert.Contains("transformer_kernels", said);
            Assert.Contains("beside the program", said);
            Assert.Contains("scripts/setup", said);
        }
        Assert.DoesNotContain("kernels", Run(program, null, "eval", "A", "--device", "cpu", "--quiet").Error);
        // Whoever has switched them off knows it.
        Assert.DoesNotContain("kernels", Run(program, "off", "eval", "A", "--device", "cpu").Error);
        Assert.Contains($"{Warning}TRANSFORMER_KERNELS names {At("gone.so")}, which does not exist (correct it, or unset it)", Run(program, At("gone.so"), "eval", "A", "--device", "cpu").Error);
        Assert.Contains("TRANSFORMER_KERNELS switches them off (unset it)", Run(program, "off", "doctor").Output);
    }
}
