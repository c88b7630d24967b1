using Transformers.Training;
using TestSupport;
using Transformers.Configs;

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
    public void A_setting_is_told_with_its_type_its_bounds_its_default_and_its_meaning()
    {
        var reference = ConfigReference.ToMarkdown<RunConfig>();
        Assert.Contains("| `layers` | a whole number, 1 to 10000 | required | The number of blocks L. |", reference);
        Assert.Contains("| `holdout` | a number, 0 to 0.9 | `0.05` |", reference);
        Assert.Contains("`tail`: The end of the text by characters", reference);
        Assert.Contains("**`kind: gpt`**", reference);
        Assert.Contains("**with `generator`**", reference);
    }

    [Fact]
    public void Every_record_of_a_config_is_told_once_and_every_link_leads_to_one()
    {
        var reference = ConfigReference.ToMarkdown<RunConfig>();
        var anchors = Between(reference, "<a id=\"", "\"").ToList();
        Assert.Equal(anchors.Distinct(), anchors);
        Assert.All(Between(reference, "](#", ")"), link => Assert.Contains(link, anchors));
        Assert.True(anchors.Count > 20, $"only {anchors.Count} sections were seen");
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
