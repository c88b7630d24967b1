using System.CommandLine;

namespace TransformerCli.Tests.Docs;

/// <summary>The part of docs/commands.md that is made from the commands themselves.</summary>
static class CommandReference
{
    internal const string Begin = "<!-- made from the commands -->", End = "<!-- end -->";

    /// <summary>Everything between the marks.</summary>
    internal static string Write(RootCommand root)
    {
        var text = new StringBuilder();
        var commands = CommandTree.All(root).Skip(1).ToList();
        Table(text, "everywhere", root.Options.Where(option => option is { Hidden: false, Recursive: true }).Select(Row));
        foreach (var (words, command) in commands)
        {
            var (description, example) = CommandTree.Parts(command);
            text.Append($"\n{new string('#', Math.Min(4, 1 + words.Length))} {string.Join(' ', words)}\n\n{description}\n");
            if (example is not null) text.Append($"\n```\n{example}\n```\n");
            if (command.Subcommands.Count > 0) text.Append($"\nSubcommands: {string.Join(", ", command.Subcommands.Select(sub => $"`{sub.Name}`"))}.\n");
            Table(text, "argument", command.Arguments.Where(argument => !argument.Hidden).Select(Row));
            Table(text, "option", command.Options.Where(option => option is { Hidden: false, Recursive: false } and not System.CommandLine.Help.HelpOption).Select(Row));
        }
        return text.ToString();
    }

    static void Table(StringBuilder text, string head, IEnumerable<string> rows)
    {
        var all = rows.ToList();
        if (all.Count == 0) return;
        text.Append($"\n| {head} | what it does |\n|---|---|\n");
        foreach (var row in all) text.Append(row);
    }

    static string Row(Argument argument) =>
        $"| `{argument.Name.Replace("|", "\\|")}{(argument.Arity.MaximumNumberOfValues > 1 ? "…" : "")}` | {Cell(argument.Description)} |\n";

    static string Row(Option option)
    {
        var value = option.ValueType == typeof(bool) || option is System.CommandLine.Help.HelpOption ? "" : " " + (option.HelpName ?? option.Name.TrimStart('-').ToUpperInvariant());
        var notes = new List<string>();
        if (option.Required) notes.Add("required");
        if (option.HasDefaultValue && option.ValueType != typeof(bool) && Default(option) is { Length: > 0 } given) notes.Add($"default: `{given}`");
        return $"| `{option.Name}{value.Replace("|", "\\|")}` | {Cell(option.Description)}{(notes.Count == 0 ? "" : $" ({string.Join("; ", notes)})")} |\n";
    }

    static string Default(Option option) => option.GetDefaultValue() is System.Collections.IEnumerable list and not string
        ? string.Join(' ', list.Cast<object>().Select(Text)) : Text(option.GetDefaultValue());

    static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    static string Cell(string? text) => (text ?? "").ReplaceLineEndings(" ").Replace("|", "\\|").Replace("<", "&lt;");
}
