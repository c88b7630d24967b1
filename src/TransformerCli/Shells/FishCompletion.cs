using System.Text;

namespace TransformerCli.Shells;

/// <summary>The script for fish.</summary>
static class FishCompletion
{
    internal static string Write(IReadOnlyList<CommandWords> commands)
    {
        var text = new StringBuilder("""
            # fish completion of transformer. Load it: transformer completion fish | source
            function __transformer_at
                set -l at
                for word in (commandline -opc)[2..]
                    contains -- "$at/$word"
            """);
        foreach (var command in commands)
            foreach (var (name, _) in command.Commands) text.Append($" {Quoted($"{command.Path}/{name}")}");
        text.Append("""
            ; and set at (string trim -- "$at $word")
                end
                test "$at" = "$argv[1]"
            end

            """);
        foreach (var command in commands)
        {
            var here = $"complete -c transformer -n {Quoted($"__transformer_at {(command.Path.Length == 0 ? "''" : $"\"{command.Path}\"")}")}";
            foreach (var (name, description) in command.Commands) text.Append($"{here} -f -a {name} -d {Quoted(description)}\n");
            foreach (var value in command.Values) text.Append($"{here} -a {Quoted(value)}\n");
            foreach (var option in command.Options)
            {
                var word = option.Name.StartsWith("--", StringComparison.Ordinal) ? $"-l {option.Name[2..]}" : $"-s {option.Name[1..]}";
                var value = !option.TakesValue ? "" : option.Values.Count == 0 ? " -r" : $" -x -a {Quoted(string.Join(' ', option.Values))}";
                text.Append($"{here} {word}{value} -d {Quoted(option.Description)}\n");
            }
        }
        return text.ToString();
    }

    static string Quoted(string text) => $"'{text.Replace("\\", "\\\\").Replace("'", "\\'")}'";
}
