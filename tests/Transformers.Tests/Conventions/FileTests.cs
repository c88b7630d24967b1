namespace Transformers.Tests.Conventions;

public sealed class FileTests
{
    const int MostLines = 400;

    [Fact]
    public void No_source_file_is_long() =>
        Assert.Empty(SourceFile.Below("", 450, ".cs", ".cpp", ".h").Where(file => file.Lines.Length > MostLines).Select(file => $"{file.Path}: {file.Lines.Length} lines"));

    [Fact]
    public void Nothing_is_left_undone() =>
        Assert.Empty(SourceFile.Below("", 450, ".cs", ".cpp", ".h")
            .SelectMany(file => file.Lines.Where(line => line.Contains("NotImplementedException", StringComparison.Ordinal) || line.Contains("TODO", StringComparison.Ordinal) || line.Contains("FIXME", StringComparison.Ordinal))
                .Select(line => $"{file.Path}: {line.Trim()}")));
}
