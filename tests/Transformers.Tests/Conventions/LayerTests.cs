namespace Transformers.Tests.Conventions;

/// <summary>The folders of the library are in the order in which data flows, and each uses only those above it.</summary>
public sealed class LayerTests
{
    static readonly string[] Order =
    [
        "IO", "Configs", "Native", "Processes", "Tokenizers", "Generators", "Data", "Layers", "Models", "Decoding", "Metrics", "Checkpoints",
        "Runs", "Training", "Evaluation", "Reports", "Interchange", "Kinds", "Experiments", "Benchmarks",
    ];

    [Fact]
    public void Every_folder_is_in_the_order() =>
        Assert.Empty(SourceFile.Below("Transformers", 200, ".cs").Select(FolderOf).Distinct().Except(Order));

    [Fact]
    public void A_folder_uses_only_those_above_it() =>
        Assert.Empty(Uses().Where(use => Array.IndexOf(Order, use.Used) > Array.IndexOf(Order, use.Folder))
            .Select(use => $"{use.File.Path} uses {use.Used}, which is below {use.Folder}").Distinct());

    [Fact]
    public void The_plan_in_the_documentation_is_that_of_the_code()
    {
        var plan = Order.Select(folder => (folder, used: Uses().Where(use => use.Folder == folder).Select(use => use.Used).Distinct().OrderBy(used => Array.IndexOf(Order, used)).ToList()))
            .Where(row => Directory.Exists(Path.Combine(Repository.PathOf("src/Transformers"), row.folder)))
            .Select(row => $"| `{row.folder}` | {(row.used.Count == 0 ? "—" : string.Join(", ", row.used))} |");
        var wanted = string.Join("\n", ["| folder | uses |", "|---|---|", .. plan]);
        const string begin = "<!-- made from the code by LayerTests -->\n", end = "\n<!-- end -->";
        var path = Repository.PathOf("docs/architecture.md");
        var text = File.ReadAllText(path);
        var (from, to) = (text.IndexOf(begin, StringComparison.Ordinal) + begin.Length, text.IndexOf(end, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("UPDATE_APPROVED") == "1") File.WriteAllText(path, text = $"{text[..from]}{wanted}{text[to..]}");
        Assert.Contains($"{begin}{wanted}{end}", text);
    }

    [Fact]
    public void The_library_knows_neither_the_console_nor_the_command_line() =>
        Nowhere(SourceFile.Below("Transformers", 150, ".cs"), @"(?<![\w.])(System\.)?Console\s*\.|System\.CommandLine|\bSpectre\b|\bTransformerCli\b(?!\.sln)");

    [Fact]
    public void Only_the_native_folder_calls_native_code_of_libtorch_and_the_kernels() =>
        Nowhere(SourceFile.Below("Transformers", 150, ".cs").Where(file => FolderOf(file) is not ("Native" or "IO" or "Processes")), @"\b(DllImport|LibraryImport)\b");

    [Fact]
    public void The_kernels_know_nothing_of_libtorch() =>
        Nowhere(SourceFile.Below("Kernels", 30, ".h").Concat(SourceFile.Below("Kernels", 15, ".cpp")), @"#include\s*<(ATen|c10|torch)|at::Tensor|omp\.h");

    // A using directive, or a name qualified by the folder's. IO, the first folder, is used by all others: the project names it once.
    static IEnumerable<(SourceFile File, string Folder, string Used)> Uses()
    {
        var used = new Regex($@"\bTransformers\.({string.Join('|', Order)})\b|(?<![\w.""])({string.Join('|', Order)})\.[A-Z]\w*[.(<]");
        foreach (var file in SourceFile.Below("Transformers", 150, ".cs"))
        {
            if (FolderOf(file) != "IO") yield return (file, FolderOf(file), "IO");
            foreach (var line in file.Code.Where(line => !line.StartsWith("namespace ", StringComparison.Ordinal)))
                foreach (Match match in used.Matches(line))
                    if ((match.Groups[1].Success ? match.Groups[1] : match.Groups[2]).Value is var other && other != FolderOf(file)) yield return (file, FolderOf(file), other);
        }
    }

    static string FolderOf(SourceFile file) => file.Path.Split('/').SkipWhile(part => part != "Transformers").ElementAt(1);

    static void Nowhere(IEnumerable<SourceFile> files, string pattern)
    {
        var found = files.SelectMany(file => file.Code.Where(line => Regex.IsMatch(line, pattern)).Select(line => $"{file.Path}: {line.Trim()}"));
        Assert.Empty(found);
    }
}
