namespace Transformers.Tests.Conventions;

/// <summary>A file below <c>src</c>.</summary>
/// <param name="Path">Its path below <c>src</c>, with forward slashes.</param>
/// <param name="Lines">Its lines.</param>
sealed partial record SourceFile(string Path, string[] Lines)
{
    /// <summary>The lines that are not comments.</summary>
    internal IEnumerable<string> Code => Lines.Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal));

    /// <summary>All files of a folder of <c>src</c> and below it that people write.</summary>
    /// <param name="folder">The folder, below <c>src</c>; empty for all.</param>
    /// <param name="atLeast">Fewer files than these mean that the walk went wrong.</param>
    /// <param name="endings">The endings of their names.</param>
    internal static IReadOnlyList<SourceFile> Below(string folder, int atLeast, params string[] endings)
    {
        var root = Repository.PathOf("src");
        var files = Directory.EnumerateFiles(System.IO.Path.Combine(root, folder), "*", SearchOption.AllDirectories)
            .Select(path => System.IO.Path.GetRelativePath(root, path).Replace('\\', '/'))
            .Where(path => endings.Contains(System.IO.Path.GetExtension(path)) && !Built().IsMatch(path))
            .Order(StringComparer.Ordinal).Select(path => new SourceFile(path, File.ReadAllLines(System.IO.Path.Combine(root, path)))).ToList();
        Assert.True(files.Count >= atLeast, $"only {files.Count} files were seen in src/{folder}, at least {atLeast} are there");
        return files;
    }

    [GeneratedRegex("(^|/)(bin|obj|build|out)/")]
    private static partial Regex Built();
}
