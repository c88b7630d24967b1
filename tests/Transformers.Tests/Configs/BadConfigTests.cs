namespace Transformers.Tests.Configs;

public sealed class BadConfigTests : FolderTest
{
    [Fact]
    public void The_table_has_at_least_forty_rows_and_each_is_wrong_in_its_own_way()
    {
        Assert.True(BadConfigs.All.Count >= 40);
        Assert.Equal(BadConfigs.All.Count, BadConfigs.All.Select(b => b.Name).Distinct().Count());
        ConfigFile.Parse<RunConfig>(BadConfigs.Good);
    }

    [Theory, MemberData(nameof(BadConfigs.Rows), MemberType = typeof(BadConfigs))]
    public void A_bad_config_is_refused_with_file_line_path_and_remedy(int row, string name)
    {
        var bad = BadConfigs.All[row];
        Assert.Equal(name, bad.Name);
        var file = Write(bad.File, bad.Content);

        var exception = Assert.Throws<UserException>(() => ConfigFile.Load<RunConfig>([file]));

        var all = string.Join('\n', exception.Problems);
        Assert.All(exception.Problems, problem => Assert.Equal(file, problem.File));
        var found = exception.Problems.FirstOrDefault(p => p.Message.Contains(bad.Says, StringComparison.Ordinal));
        Assert.True(found is not null, $"expected '{bad.Says}' in:\n{all}");
        Assert.True(bad.Line == found.Line, $"expected line {bad.Line} in:\n{all}");
        Assert.True(found.Column >= 1, all);
        if (bad.Path is null) Assert.True(found.Path is null, all);
        else Assert.StartsWith(bad.Path, found.Path);
        if (bad.Remedy is not null) Assert.Contains(bad.Remedy, found.Hint);
        // One mistake is reported once; only what is missing because of it may be reported as well.
        Assert.True(exception.Problems.Count <= 3 || bad.Path is null or "seed" or "data.source.files[0]" or "trainig", all);
    }
}
