namespace Transformers.Tests.Conventions;

/// <summary>The files and names that the pages mention exist.</summary>
public sealed partial class LinkTests
{
    static IReadOnlyList<string> Pages()
    {
        List<string> pages = [Repository.PathOf("README.md"), Repository.PathOf("data", "README.md"), .. Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)];
        Assert.True(pages.Count >= 10, $"only {pages.Count} pages were seen");
        return pages;
    }

    [Fact]
    public void Every_link_of_a_page_to_a_file_leads_to_one()
    {
        var broken = Pages().SelectMany(page => Link().Matches(File.ReadAllText(page)).Select(match => match.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#'))
            .Where(target => !Path.Exists(Path.Combine(Path.GetDirectoryName(page)!, target.Split('#')[0])))
            .Select(target => $"{Path.GetFileName(page)}: {target}"));
        Assert.Empty(broken);
    }

    [Fact]
    public void Every_link_to_a_heading_leads_to_one()
    {
        var headings = new Dictionary<string, HashSet<string>>();
        var links = Pages().SelectMany(page => Link().Matches(File.ReadAllText(page)).Select(match => match.Groups[1].Value.Split('#'))
            .Where(parts => parts.Length == 2 && !parts[0].Contains("://", StringComparison.Ordinal) && (parts[0].Length == 0 || parts[0].EndsWith(".md", StringComparison.Ordinal)))
            .Select(parts => (Page: page, Target: parts[0].Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, parts[0])), Heading: parts[1]))).ToList();
        Assert.True(links.Count >= 50, $"only {links.Count} links were seen");
        Assert.Empty(links.Where(link => !(headings.TryGetValue(link.Target, out var known) ? known : headings[link.Target] = HeadingsOf(link.Target)).Contains(link.Heading))
            .Select(link => $"{Path.GetFileName(link.Page)}: {Path.GetFileName(link.Target)}#{link.Heading}").Distinct());
    }

    // By GitHub's rule: lower case, without punctuation, hyphens for spaces. Explicit anchors count too.
    static HashSet<string> HeadingsOf(string page)
    {
        var text = Fence().Replace(File.ReadAllText(page), "");
        return [.. Heading().Matches(text).Select(match => Punctuation().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-')), .. Anchor().Matches(text).Select(match => match.Groups[1].Value)];
    }

    [Fact]
    public void Every_name_on_the_page_of_the_papers_is_in_the_file_that_it_links_to()
    {
        var page = Repository.PathOf("docs", "paper.md");
        // UPDATE_APPROVED=1 corrects the links to files that have moved.
        if (Environment.GetEnvironmentVariable("UPDATE_APPROVED") == "1") File.WriteAllText(page, NamedFile().Replace(File.ReadAllText(page), match => $"[`{match.Groups[1].Value}`]({FileOf(match.Groups[1].Value.Split('.'), match.Groups[2].Value)})"));
        var named = NamedFile().Matches(File.ReadAllText(page)).ToList();
        var broken = named.Where(match => Path.Combine(Path.GetDirectoryName(page)!, match.Groups[2].Value) is var file
            && (!File.Exists(file) || match.Groups[1].Value.Split('.').Any(part => !Regex.IsMatch(File.ReadAllText(file), $@"\b{Regex.Escape(part)}\b"))));
        Assert.Empty(broken.Select(match => match.Value));
        Assert.True(named.Count >= 50, $"the page has only {named.Count} links");
    }

    // The file that declares the first of the names and has the others; if there is none, the one that was given.
    static string FileOf(string[] names, string given)
    {
        var declaration = new Regex($@"\b(class|record|struct|interface|enum)\s+{Regex.Escape(names[0])}\b");
        foreach (var file in SourceFile.Below("Transformers", 200, ".cs"))
            if (string.Join('\n', file.Lines) is var text && declaration.IsMatch(text) && names.All(name => Regex.IsMatch(text, $@"\b{Regex.Escape(name)}\b"))) return $"../src/{file.Path}";
        return given;
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();

    [GeneratedRegex("<a id=\"([^\"]+)\">")]
    private static partial Regex Anchor();

    [GeneratedRegex(@"\[`([\w.]+)`\]\(([^)\s#]+)\)")]
    private static partial Regex NamedFile();
}
