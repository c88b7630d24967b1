using System.CommandLine;

namespace TransformerCli.Tests.Docs;

/// <summary>Every command of the program, with the words that name it.</summary>
static class CommandTree
{
    /// <summary>The root of a fresh command line that reads and writes nothing.</summary>
    internal static RootCommand Root() => App.CreateRoot(new CliContext(TextReader.Null, TextWriter.Null, TextWriter.Null));

    /// <summary>All commands in the order of the help, those above before those below; the root has no words.</summary>
    internal static IReadOnlyList<(string[] Words, Command Command)> All(RootCommand root) => [.. Below([], root)];

    static IEnumerable<(string[] Words, Command Command)> Below(string[] words, Command command)
    {
        yield return (words, command);
        foreach (var sub in command.Subcommands.Where(sub => !sub.Hidden))
            foreach (var found in Below([.. words, sub.Name], sub)) yield return found;
    }

    /// <summary>A description without its example, and the example.</summary>
    internal static (string Text, string? Example) Parts(Command command)
    {
        const string mark = "Example: ";
        var text = command.Description ?? "";
        var at = text.IndexOf(mark, StringComparison.Ordinal);
        return at < 0 ? (text.Trim(), null) : (text[..at].Trim(), text[(at + mark.Length)..].Trim());
    }
}
