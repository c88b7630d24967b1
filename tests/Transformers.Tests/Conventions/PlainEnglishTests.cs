namespace Transformers.Tests.Conventions;

/// <summary>Phrases that a native speaker would not write, or for which the field has another word, do not come back.</summary>
public sealed partial class PlainEnglishTests
{
    // Each with what to write. A phrase is listed only if it has no good use here.
    static readonly (string Phrase, string Better)[] Phrases =
    [
        (@"\btold\b", "reported, printed, given"), (@"\btells\b", "reports, prints, says, decides"), (@"unless told\b", "by default"),
        (@"(?<!\bthere )\bis no (?!longer|more)", "is not a"),
        (@"\bso-manieth\b", "n-th"), (@"\btaken for\b", "predicted as"), (@"\bfor want of\b", "because of missing"), (@"\bone word too many\b", "not expected here"),
        (@"\bstands? (in|for|at|there|above|below|beside|before|behind|between|alone)\b", "is in, means"), (@"\bstood\b", "was"), (@"where \w+( \w+)? stands\b", "where … is"),
        (@"\bshares? of\b", "fraction, rate or probability of"), (@"(?<!--|decimal )\bplaces\b", "positions"), (@"\bplace in the (data|batch|sequence)\b", "position in"), (@"\bby (its|their) place\b", "by position"),
        (@"\blearnt from\b", "the training split"), (@"\bwhat is chosen by\b", "the validation split"), (@"\bpassed over\b", "skipped"), (@"\bbegun with\b", "started with"),
        (@"\ba (token|batch|step|line|document|image|unit|second|sentence|text|target) (a|an) \w+\b", "per"), (@"\b(tokens|images|operations|bytes|steps|lines|nats|bits|units) an? (second|step|token|target|byte|line|image|unit|epoch|parameter|core)\b", "per"),
        (@"\bgoes on (from|where|with|in|to|at)\b", "continues, resumes"), (@"\bgo on (from|where|with)\b", "continue, resume"), (@"\bhow to mend\b", "a remedy"), (@"\bas it was asked\b", "as requested"),
        (@"\bthere is no such\b", "does not exist"), (@"\bimages? (with|and) texts\b", "images with text"), (@"\bof two streams\b|\b(text|image)'s stream\b", "ViLBERT, the text stream"), (@"\bnetworks? over (images|sounds|series)\b", "an image model, a model on series"),
        (@"\bof one's own\b", "your own"), (@"\bfor certain\b", "always, reliably"), (@"\banew\b", "again, from scratch"), (@"\bfor ever\b", "forever"), (@"\bpixels a side\b", "the side, in pixels"), (@"\bloses? (its|their) ends?\b", "is truncated"),
        (@"\bweights are taken\b", "are loaded, are used"), (@"\bsigns? of life\b", "heartbeat"), (@"\btraining never (has|had|shows)\b", "never occurs in training"), (@"\bin whatever order\b", "regardless of the order"), (@"\bmeans? nothing here\b", "is not used by this program"),
        (@"\bof ending\b|\bwithout ending\b", "extension"), (@"\bthe same as of\b", "the same as that of"), (@"\btakes? part in\b", "is in, joins"), (@"\btime stamps?\b", "timestamp"), (@"\blaid over\b", "merged over"), (@"\bclosed by <c>", "of one of these kinds"),
    ];

    // Nearly all files have none of them, which one look at each file shows.
    static readonly Regex Any = new(string.Join('|', Phrases.Select(one => $"(?:{one.Phrase})")), RegexOptions.IgnoreCase | RegexOptions.Compiled);

    static IEnumerable<string> Files()
    {
        var folders = new[] { "src", "docs", "configs", "samples", "scripts" }.Select(folder => Repository.PathOf(folder));
        var files = folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)).Append(Repository.PathOf("README.md")).Append(Repository.PathOf("data", "README.md"))
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(path => Path.GetExtension(path) is ".cs" or ".md" or ".yaml" or ".yml" or ".json" or ".h" or ".cpp" or "" && !Built().IsMatch(path)).Order(StringComparer.Ordinal).ToList();
        Assert.True(files.Count >= 300, $"only {files.Count} files were seen");
        return files;
    }

    // What generators write is data, on which losses depend: their strings are not looked at. Nor are links.
    static string Prose(string path, string text) => Links().Replace(path.StartsWith("src/Transformers/Generators/", StringComparison.Ordinal) ? Strings().Replace(text, "\"\"") : text, "");

    [Fact]
    public void No_phrase_of_the_list_is_in_the_sources_docs_and_configs()
    {
        var found = new List<string>();
        foreach (var path in Files())
        {
            var prose = Prose(path, File.ReadAllText(Repository.PathOf(path)));
            if (!Any.IsMatch(prose)) continue;
            foreach (var (line, number) in prose.Split('\n').Select((line, i) => (line, i + 1)).Where(one => Any.IsMatch(one.line)))
                foreach (var (phrase, better) in Phrases)
                    if (Regex.Match(line, phrase, RegexOptions.IgnoreCase) is { Success: true } match) found.Add($"{path}:{number}: {match.Value} (better: {better})");
        }
        Assert.True(found.Count == 0, $"{found.Count} phrases:\n{string.Join('\n', found.Take(200))}");
    }

    [GeneratedRegex("(^|/)(bin|obj|build|out|images)/")]
    private static partial Regex Built();

    [GeneratedRegex("\"\"\".*?\"\"\"|\"(?:[^\"\\\\\n]|\\\\.)*\"", RegexOptions.Singleline)]
    private static partial Regex Strings();

    [GeneratedRegex(@"\]\([^)]*\)")]
    private static partial Regex Links();
}
