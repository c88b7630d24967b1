using System.Reflection;

namespace TransformerCli.Tests.Docs;

public sealed partial class CommandsPageTests
{
    static readonly string Page = Repository.PathOf("docs", "commands.md");

    [Fact]
    public void The_page_of_commands_is_made_from_the_commands()
    {
        var text = File.ReadAllText(Page);
        var begin = text.IndexOf(CommandReference.Begin, StringComparison.Ordinal) + CommandReference.Begin.Length;
        var end = text.IndexOf(CommandReference.End, StringComparison.Ordinal);
        Assert.True(begin >= CommandReference.Begin.Length && end > begin, "the page lacks its marks");
        Approved.Holds(Page, text[..begin] + "\n" + CommandReference.Write(CommandTree.Root()) + "\n" + text[end..]);
    }

    [Fact]
    public void The_page_lists_every_exit_code_and_no_other()
    {
        var listed = ExitCode().Matches(File.ReadAllText(Page)).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).Order();
        var codes = typeof(ExitCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (int)field.GetRawConstantValue()!).Order().ToList();
        Assert.Equal(codes, listed);
        Assert.Equal(10, codes.Count);
    }

    [GeneratedRegex(@"^\| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex ExitCode();
}
