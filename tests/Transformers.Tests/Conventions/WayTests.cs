using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Transformers.Tests.Conventions;

/// <summary>The files through which a token, an image and a generated text pass: measured on the program, and listed in the documentation.</summary>
/// <remarks>
/// The program runs with <c>tests/MethodTrace</c>, which reports each method when it is first entered. Counted are files of which at
/// least <see cref="FewestStatements"/> statements ran, besides properties and constructors. What the data do not pass through is left
/// out: the command line, settings, reports, observers, measurements of memory and speed, and the disposal of what a run has used.
/// </remarks>
[Trait("Category", "slow")]
public sealed class WayTests : TempFolderTest
{
    const int FewestStatements = 5, MostFilesOfAToken = 60;
    const string Begin = "<!-- made from runs by WayTests -->\n", End = "\n<!-- end of the ways -->";

    static readonly string[] FoldersBesideTheData = ["TransformerCli", "Configs", "Reports"];

    // Parts of the names of files that observe or measure.
    static readonly string[] FilesBesideTheData = ["Observer", "Events", "TensorBoard", "Memory"];

    const string Training = "steps: 2, precision: fp32, optimizer: { kind: adamw, lr: 1.0e-3 }, log: { every: 10 }, sample: { tokens: 0 }";

    [Fact]
    public void The_ways_in_the_documentation_are_those_that_the_program_takes()
    {
        Assert.SkipUnless(KernelLibrary.IsAvailable, "without the kernels the program takes other ways");
        folder.Write("text.txt", string.Concat(Enumerable.Range(0, 400).Select(i => $"Once upon a time there was dog number {i}.\n")));
        folder.Write("gpt.yaml", $$"""
            data: { kind: text, source: { files: [text.txt] }, tokenizer: { kind: characters }, holdout: 0 }
            model: { kind: gpt, layers: 2, heads: 2, width: 32, context: 32 }
            training: { batch: { sequences: 4 }, {{Training}} }
            """);
        folder.Write("vit.yaml", $$"""
            data: { kind: images, source: { generator: digits, count: 200, side: 16 }, input: { size: 16, channels: 1 }, holdout: { count: 20 } }
            model: { kind: vit, patch: 4, layers: 2, heads: 2, width: 32 }
            training: { batch: { sequences: 4 }, {{Training}} }
            """);

        var token = Way(Trace(folder, "train", "gpt.yaml", "--run", "gpt"), from: "Data", to: "Checkpoints");
        var image = Way(Trace(folder, "train", "vit.yaml", "--run", "vit"), from: "Data", to: "Checkpoints");
        var generate = Way(Trace(folder, "generate", "gpt", "--prompt", "Once", "--max-new-tokens", "8"), from: "Checkpoints", to: "Decoding");

        var wanted = $"""
            **A token**, from the text file to the loss and the checkpoint (`train` on a file, one token per character): {Count(token)} files.

            {Table(token)}

            **An image**, from the generator to the loss and the checkpoint (`train` on generated digits): {Count(image)} files.

            {Table(image)}

            **A generated text**, from the checkpoint to the last token (`generate`): {Count(generate)} files.

            {Table(generate)}
            """;
        var path = Repository.PathOf("docs/architecture.md");
        var text = File.ReadAllText(path);
        var (start, stop) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("UPDATE_APPROVED") == "1") File.WriteAllText(path, text = $"{text[..start]}{wanted}{text[stop..]}");
        Assert.Contains($"{Begin}{wanted}{End}", text);
        Assert.InRange(Count(token), 1, MostFilesOfAToken);
    }

    static int Count(IReadOnlyList<(string Folder, List<string> Files)> way) => way.Sum(one => one.Files.Count);

    static string Table(IReadOnlyList<(string Folder, List<string> Files)> way) =>
        string.Join("\n", ["| folder | files |", "|---|---|", .. way.Select(one => $"| `{one.Folder}` | {string.Join(", ", one.Files.Select(file => $"`{file}`"))} |")]);

    /// <summary>The files by folder, in the order in which the folders are first entered.</summary>
    /// <param name="entered">The methods in the order of their first entry.</param>
    /// <param name="from">The way begins with the first method of this folder after the run's folder was opened.</param>
    /// <param name="to">The way ends with the last method of this folder that is not disposal; the report, for example, comes
    /// later.</param>
    static IReadOnlyList<(string Folder, List<string> Files)> Way(IReadOnlyList<EnteredMethod> entered, string from, string to)
    {
        var opened = entered.Index().First(one => one.Item.Folder == "Runs").Index;
        var first = entered.Index().First(one => one.Index > opened && one.Item.Folder == from).Index;
        var last = entered.Index().Last(one => one.Item.Folder == to && !one.Item.IsDisposal).Index;
        var files = entered.Skip(first).Take(last + 1 - first).Where(one => one.IsOrdinary && !FoldersBesideTheData.Contains(one.Folder) && !FilesBesideTheData.Any(one.File.Contains))
            .GroupBy(one => (one.Folder, one.File)).Where(file => file.Sum(method => method.Statements) >= FewestStatements).Select(file => file.Key);
        return [.. files.GroupBy(file => file.Folder).Select(folder => (folder.Key, folder.Select(file => file.File).Order(StringComparer.Ordinal).ToList()))];
    }

    static List<EnteredMethod> Trace(TempFolder folder, params string[] arguments)
    {
        string Built(string project, string file) => Repository.PathOf("artifacts", "bin", project, Repository.Configuration.ToLowerInvariant(), file);
        var environment = new Dictionary<string, string>
        {
            ["DOTNET_ReadyToRun"] = "0",   // code that was compiled ahead would run unseen
            ["DOTNET_STARTUP_HOOKS"] = Built("MethodTrace", "MethodTrace.dll"), ["METHOD_TRACE"] = folder["trace"], ["XDG_CACHE_HOME"] = folder["cache"],
        };
        Programs.Run("dotnet", [Built("TransformerCli", "transformer.dll"), .. arguments, "--device", "cpu"], environment, folder.FullPath).Done();
        var library = new Symbols(Built("TransformerCli", "Transformers.dll"));
        var program = new Symbols(Built("TransformerCli", "transformer.dll"));
        return [.. File.ReadLines(folder["trace"]).Select(line => line.Split(' ', 3))
            .Select(parts => (parts[1].StartsWith("Transformers.", StringComparison.Ordinal) ? library : program).Find(parts[0], parts[2])).OfType<EnteredMethod>()];
    }

    /// <summary>A method that ran.</summary>
    /// <param name="Folder">The folder of its file, below <c>src/Transformers</c>, or <c>TransformerCli</c>.</param>
    /// <param name="File">The file's name without its ending.</param>
    /// <param name="Statements">The number of its statements.</param>
    /// <param name="IsOrdinary">Whether it is neither a constructor nor a property or operator.</param>
    /// <param name="IsDisposal">Whether it disposes of its object.</param>
    sealed record EnteredMethod(string Folder, string File, int Statements, bool IsOrdinary, bool IsDisposal);

    /// <summary>Maps the methods of an assembly to their source files, by its portable symbols.</summary>
    sealed class Symbols(string assembly)
    {
        readonly MetadataReader symbols = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(assembly, ".pdb"))).GetMetadataReader();
        readonly MetadataReader types = new PEReader(File.OpenRead(assembly)).GetMetadataReader();

        internal EnteredMethod? Find(string token, string name)
        {
            var method = (MethodDefinitionHandle)MetadataTokens.Handle(int.Parse(token, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            Assert.Equal(name, types.GetString(types.GetMethodDefinition(method).Name));
            var information = symbols.GetMethodDebugInformation(method);
            if (information.SequencePointsBlob.IsNil) return null;
            var statements = information.GetSequencePoints().Where(point => !point.IsHidden).ToList();
            if (statements.Count == 0) return null;
            var parts = symbols.GetString(symbols.GetDocument(statements[0].Document).Name).Replace('\\', '/').Split("/src/");
            if (parts.Length < 2) return null; // Generated code.
            var folders = parts[^1].Split('/');
            var isSpecial = (types.GetMethodDefinition(method).Attributes & System.Reflection.MethodAttributes.SpecialName) != 0;
            return new(folders[0] == "Transformers" ? folders[1] : folders[0], Path.GetFileNameWithoutExtension(folders[^1]), statements.Count, !isSpecial, name == nameof(IDisposable.Dispose));
        }
    }
}
