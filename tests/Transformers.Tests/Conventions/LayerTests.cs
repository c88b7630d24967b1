using System.Text.RegularExpressions;

namespace Transformers.Tests.Conventions;

/// <summary>The arrows between layers go one way.</summary>
public sealed class LayerTests
{
    [Theory]
    [InlineData("IO", 12, "Configs", "Tokenizers", "Data", "Models", "Training", "Generation", "Evaluation", "Checkpoints", "Runs")]
    [InlineData("Checkpoints", 15, "Configs", "Tokenizers", "Data", "Models", "Training", "Generation", "Evaluation", "Runs")]
    [InlineData("Tokenizers", 30, "Models", "Training", "Generation", "Evaluation", "Checkpoints", "Runs")]
    [InlineData("Data", 100, "Models", "Training", "Generation", "Evaluation", "Checkpoints", "Runs")]
    [InlineData("Native", 20, "Configs", "Tokenizers", "Data", "Models", "Training", "Generation", "Evaluation", "Checkpoints", "Runs")]
    [InlineData("Models", 40, "Training", "Generation", "Evaluation", "Checkpoints", "Runs")]
    [InlineData("Generation", 7, "Training", "Evaluation", "Checkpoints", "Runs")]
    public void A_layer_of_the_library_does_not_know_those_above_it(string layer, int files, params string[] above)
    {
        foreach (var name in above)
            Nowhere(SourceFile.Below($"Transformers/{layer}", files, ".cs"), $@"\bTransformers\.{name}\b|(?<![\w.]){name}\.[A-Z]");
    }

    [Fact]
    public void The_library_knows_neither_the_console_nor_the_command_line() =>
        Nowhere(SourceFile.Below("Transformers", 300, ".cs"), @"(?<![\w.])(System\.)?Console\s*\.|System\.CommandLine|\bSpectre\b|\bTransformerCli\b(?!\.sln)");

    [Fact]
    public void Only_the_native_folder_calls_native_code_of_libtorch_and_the_kernels() =>
        Nowhere(SourceFile.Below("Transformers/Models", 40, ".cs").Concat(SourceFile.Below("Transformers/Training", 35, ".cs")), @"\b(DllImport|LibraryImport)\b");

    [Fact]
    public void The_kernels_know_nothing_of_libtorch() =>
        Nowhere(SourceFile.Below("Kernels", 30, ".h").Concat(SourceFile.Below("Kernels", 15, ".cpp")), @"#include\s*<(ATen|c10|torch)|at::Tensor|omp\.h");

    static void Nowhere(IEnumerable<SourceFile> files, string pattern)
    {
        var found = files.SelectMany(file => file.Code.Where(line => Regex.IsMatch(line, pattern)).Select(line => $"{file.Path}: {line.Trim()}"));
        Assert.Empty(found);
    }
}
