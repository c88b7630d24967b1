using System.CommandLine;
using System.CommandLine.Completions;
using Transformers.Configs;

namespace TransformerCli.Shells;

/// <summary>An option, as a shell completes it.</summary>
/// <param name="Name">With its dashes.</param>
/// <param name="Description">A line.</param>
/// <param name="TakesValue">Whether a value follows.</param>
/// <param name="Values">The values that are known; where there are none, a shell offers files.</param>
sealed record OptionWords(string Name, string Description, bool TakesValue, IReadOnlyList<string> Values);

/// <summary>A command, as a shell completes it.</summary>
/// <param name="Path">The words that name it, with blanks between; empty for the program.</param>
/// <param name="Description">A line.</param>
/// <param name="Commands">The commands below it: word and description.</param>
/// <param name="Options">Its options, those of every command included.</param>
/// <param name="Values">Words that its arguments may be: names of ready configs, or shells.</param>
sealed record CommandWords(string Path, string Description, IReadOnlyList<(string Name, string Description)> Commands, IReadOnlyList<OptionWords> Options, IReadOnlyList<string> Values)
{
    /// <summary>All commands of a tree, those above before those below.</summary>
    internal static IReadOnlyList<CommandWords> Of(RootCommand root) => [.. Below("", root, root)];

    static IEnumerable<CommandWords> Below(string path, Command command, RootCommand root)
    {
        var shown = command.Subcommands.Where(sub => !sub.Hidden).ToList();
        var options = command.Options.Where(option => !option.Hidden).Concat(command == root ? [] : root.Options.Where(option => option is { Hidden: false, Recursive: true }));
        yield return new CommandWords(path, Line(command.Description), [.. shown.Select(sub => (sub.Name, Line(sub.Description)))],
            [.. options.DistinctBy(option => option.Name).Select(Of)], [.. command.Arguments.SelectMany(ValuesOf).Distinct()]);
        foreach (var sub in shown)
            foreach (var found in Below(path.Length == 0 ? sub.Name : $"{path} {sub.Name}", sub, root)) yield return found;
    }

    static OptionWords Of(Option option)
    {
        var takes = option.ValueType != typeof(bool) && option is not (System.CommandLine.Help.HelpOption or VersionOption);
        // The help's best|latest|N names the words that may stand there; what is in capitals stands for others.
        var named = takes ? (option.HelpName ?? "").Split('|').Where(word => word.Length > 0 && word.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c))) : [];
        var known = takes ? option.GetCompletions(CompletionContext.Empty).Select(item => item.Label) : [];
        return new OptionWords(option.Name, Line(option.Description), takes, [.. named.Union(known)]);
    }

    static IEnumerable<string> ValuesOf(Argument argument)
    {
        if (argument.Description?.Contains("ready config", StringComparison.OrdinalIgnoreCase) == true) return ReadyConfigs.List().Select(config => config.Name);
        return argument.GetCompletions(CompletionContext.Empty).Select(item => item.Label);
    }

    static string Line(string? text)
    {
        var first = (text ?? "").Split("\n\n")[0].ReplaceLineEndings(" ").Trim();
        return first.Split(". ")[0].TrimEnd('.');
    }
}
