using System.CommandLine.Parsing;

namespace TransformerCli.Tests.Docs;

/// <summary>Holds every <c>--help</c> to its approved text. After a wanted change: <c>UPDATE_APPROVED=1 dotnet test --filter Docs</c>.</summary>
public sealed class HelpTests
{
    static readonly string Folder = Repository.PathOf("tests", "TransformerCli.Tests", "Approved");

    public static TheoryData<string> Commands() => new(CommandTree.All(CommandTree.Root()).Select(found => string.Join(' ', found.Words)));

    [Theory, MemberData(nameof(Commands))]
    public void The_help_of_a_command_is_its_approved_text(string command)
    {
        var (code, output, error) = CommandLine.Run([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal((0, ""), (code, error));
        Approved.Holds(Path.Combine(Folder, FileOf(command)), Plain(output));
    }

    [Fact]
    public void No_approved_help_is_of_a_command_that_is_gone()
    {
        var there = Directory.GetFiles(Folder, "*.txt", SearchOption.AllDirectories).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);
        var wanted = CommandTree.All(CommandTree.Root()).Select(found => FileOf(string.Join(' ', found.Words))).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(wanted, there);
        Assert.True(wanted.Count >= 25, $"only {wanted.Count} commands were seen");
    }

    [Fact]
    public void Every_command_has_a_description_and_an_example_that_it_can_parse()
    {
        var root = CommandTree.Root();
        var seen = 0;
        foreach (var (words, command) in CommandTree.All(root).Skip(1))
        {
            var (description, example) = CommandTree.Parts(command);
            Assert.True(description.Length > 0 && example is not null, $"{string.Join(' ', words)} lacks a description or an example");
            var call = example[(example.IndexOf("transformer ", StringComparison.Ordinal) + "transformer ".Length)..].Split(" > ")[0];
            var parse = root.Parse([.. CommandLineParser.SplitCommandLine(call)]);
            Assert.True(parse.Errors.Count == 0, $"{call}: {string.Join("; ", parse.Errors.Select(e => e.Message))}");
            Assert.True(call.StartsWith(string.Join(' ', words), StringComparison.Ordinal), $"the example of {string.Join(' ', words)} shows another command: {call}");
            seen++;
        }
        Assert.True(seen >= 25, $"only {seen} commands were seen");
    }

    static string FileOf(string command) => (command.Length == 0 ? "transformer" : command.Replace(' ', '-')) + ".txt";

    // The program's own name is that of the process, which here is the test runner; the ends of lines are not to be seen.
    static string Plain(string help) =>
        string.Join('\n', help.Replace($"  {System.CommandLine.RootCommand.ExecutableName} ", "  transformer ").ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())).Trim() + "\n";
}
