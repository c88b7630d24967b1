namespace TransformerCli.Tests.Docs;

/// <summary>The sizes in docs/paper.md are those of the presets.</summary>
[Collection("engine")]
public sealed partial class PaperPageTests
{
    [Fact]
    public void The_sizes_of_the_presets_are_those_that_inspect_reports()
    {
        var rows = Row().Matches(File.ReadAllText(Repository.PathOf("docs", "paper.md")));
        Assert.Equal(9, rows.Count);
        foreach (Match row in rows)
        {
            var outcome = CommandLine.Done("inspect", row.Groups["preset"].Value, "--no-measure", "--json", "--device", "cpu");
            var cost = outcome.Json.GetProperty("inspection").GetProperty("cost");
            Assert.Equal(row.Groups["parameters"].Value, cost.GetProperty("parameters").GetInt64().ToString("N0", CultureInfo.InvariantCulture));
            if (row.Groups["flops"].Value is { Length: > 0 } flops)
                Assert.Equal(flops, (cost.GetProperty("forward_flops").GetDouble() / 1e9).ToString("0.00", CultureInfo.InvariantCulture));
            // The published figures are rounded and count pairs.
            if (row.Groups["pairs"].Value is { Length: > 0 } pairs)
                Assert.Equal(2 * double.Parse(pairs, CultureInfo.InvariantCulture), cost.GetProperty("forward_flops").GetDouble() / 1e9, 0.2);
        }
    }

    [GeneratedRegex(@"^\| `(?<preset>[a-z0-9-]+)` \| (?<parameters>[0-9,]+) \| [^|]+ \| ?(?<flops>[0-9.]*) ?\| ?(?<pairs>[0-9.]*)[^|]*\|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
