namespace Transformers.Tests.Configs;

public sealed class ConfigReferenceTests
{
    const string Begin = "<!-- made from the records -->", End = "<!-- end -->";
    static readonly string Page = Repository.PathOf("docs", "configs.md");

    /// <summary>After a record has changed: <c>UPDATE_SCHEMA=1 dotnet test --filter ConfigReference</c>.</summary>
    [Fact]
    public void The_page_of_settings_is_made_from_the_records()
    {
        var text = File.ReadAllText(Page);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        Assert.True(begin > 0 && end > begin, "the page lacks its marks");
        var current = text[..(begin + Begin.Length)] + "\n" + ConfigReference.ToMarkdown<RunConfig>() + "\n" + text[end..];
        if (Environment.GetEnvironmentVariable("UPDATE_SCHEMA") == "1") File.WriteAllText(Page, current);
        Assert.Equal(File.ReadAllText(Page), current);
    }

    [Fact]
    public void A_setting_is_listed_with_its_type_bounds_default_and_meaning()
    {
        var reference = ConfigReference.ToMarkdown<RunConfig>();
        Assert.Contains("| `layers` | a whole number, 1 to 10000 | required | The number of blocks L. |", reference);
        Assert.Contains("| `holdout` | a number, 0 to 0.9 | `0.05` |", reference);
        Assert.Contains("`tail`: The end of the text, by characters", reference);
        Assert.Contains("**`kind: gpt`**", reference);
        Assert.Contains("**with `generator`**", reference);
    }

    [Fact]
    public void Every_record_of_a_config_is_listed_once_and_every_link_leads_to_one()
    {
        var reference = ConfigReference.ToMarkdown<RunConfig>();
        var anchors = Between(reference, "<a id=\"", "\"").ToList();
        Assert.Equal(anchors.Distinct(), anchors);
        Assert.All(Between(reference, "](#", ")"), link => Assert.Contains(link, anchors));
        Assert.True(anchors.Count > 20, $"only {anchors.Count} sections were seen");
    }

    [Fact]
    public void What_transformers_have_in_common_is_defined_once()
    {
        var kinds = ConfigShape.Variants(typeof(ModelConfig)).Where(kind => kind.Type.IsAssignableTo(typeof(TransformerConfig))).ToList();
        Assert.True(kinds.Count >= 8, $"{kinds.Count} kinds");
        var docs = new XmlDocs();
        foreach (var setting in kinds.SelectMany(kind => kind.Settings).GroupBy(setting => (setting.Name, Meaning: docs.Of(setting), Type: setting.Type)))
            Assert.True(setting.Select(one => (one.Definitions[^1].DeclaringType, one.Definitions[^1].Name)).Distinct().Count() == 1, $"{setting.Key.Name} is defined more than once: {setting.Key.Meaning}");
    }

    [Theory]
    [InlineData("vit", "size", "a whole number, 1 to 4096", "The side of the images, in pixels")]
    [InlineData("seq2seq", "layers", "a whole number, 1 to 10000", "The number of encoder layers")]
    [InlineData("gpt", "dropout", "a number, 0 to below 1", "The dropout rate of embeddings, of attention weights")]
    [InlineData("patchtst", "stride", "a whole number, 1 to 100000", "The number of steps from one patch to the next")]
    public void Rules_and_meaning_come_from_what_a_setting_overrides_or_implements(string kind, string setting, string type, string meaning)
    {
        var table = Between(ConfigReference.ToMarkdown<RunConfig>(), $"**`kind: {kind}`**", "\n\n**").First();
        Assert.Contains($"| `{setting}` | {type} | ", table);
        Assert.Contains($"| {meaning}", table);
    }

    static IEnumerable<string> Between(string text, string before, string after)
    {
        for (var at = text.IndexOf(before, StringComparison.Ordinal); at >= 0; at = text.IndexOf(before, at, StringComparison.Ordinal))
        {
            at += before.Length;
            yield return text[at..text.IndexOf(after, at, StringComparison.Ordinal)];
        }
    }
}
