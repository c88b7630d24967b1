namespace Transformers.Tests.Conventions;

public sealed class FileTests
{
    // In parts, so that the rule holds for this file too.
    static readonly string[] Unfinished = ["NotImplemented" + "Exception", "TO" + "DO", "FIX" + "ME"];

    [Fact]
    public void No_source_file_is_long() =>
        Assert.Empty(SourceFile.Below("", 300, ".cs", ".cpp", ".h").Where(file => file.Lines.Length > (file.Path.EndsWith(".cs", StringComparison.Ordinal) ? 300 : 400)).Select(file => $"{file.Path}: {file.Lines.Length} lines"));

    [Fact]
    public void Nothing_is_left_undone() =>
        Assert.Empty(SourceFile.Below("", 300, ".cs", ".cpp", ".h")
            .SelectMany(file => file.Lines.Where(line => Unfinished.Any(word => line.Contains(word, StringComparison.Ordinal)))
                .Select(line => $"{file.Path}: {line.Trim()}")));
}
