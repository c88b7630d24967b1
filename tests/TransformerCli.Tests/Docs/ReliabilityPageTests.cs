namespace TransformerCli.Tests.Docs;

/// <summary>docs/reliability.md names only tests that exist.</summary>
public sealed partial class ReliabilityPageTests
{
    [Fact]
    public void Every_test_that_the_page_names_exists()
    {
        var page = File.ReadAllText(Repository.PathOf("docs", "reliability.md"));
        var files = Directory.EnumerateFiles(Repository.PathOf("tests"), "*Tests.cs", SearchOption.AllDirectories).ToLookup(file => Path.GetFileNameWithoutExtension(file));
        var named = TestName().Matches(page).Select(match => (Class: match.Groups[1].Value, Method: match.Groups[2].Value)).Distinct().ToList();
        Assert.True(named.Count >= 50, $"only {named.Count} tests were seen");
        var missing = named.Where(test => !files[test.Class].Any(file => Regex.IsMatch(File.ReadAllText(file), $@"\b(void|Task) {test.Method}\("))).ToList();
        Assert.True(missing.Count == 0, $"there is no {string.Join(", ", missing)}");
    }

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex TestName();
}
