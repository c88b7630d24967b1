using System.Text;

namespace TransformerCli.Shells;

/// <summary>The script for PowerShell.</summary>
static class PowerShellCompletion
{
    internal static string Write(IReadOnlyList<CommandWords> commands)
    {
        var text = new StringBuilder("""
            # PowerShell completion of transformer. Load it: transformer completion pwsh | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName transformer -ScriptBlock {
                param($word, $ast, $cursor)
                $words = @{

            """);
        foreach (var command in commands)
            text.Append($"        {Quoted(command.Path)} = @({string.Join(", ", command.Commands.Select(sub => Pair(sub.Name, sub.Description)).Concat(command.Values.Select(value => Pair(value, value))).Concat(command.Options.Select(option => Pair(option.Name, option.Description))))})\n");
        text.Append("    }\n    $values = @{\n");
        foreach (var command in commands)
            foreach (var option in command.Options.Where(option => option.TakesValue))
                text.Append($"        {Quoted($"{command.Path}:{option.Name}")} = @({string.Join(", ", option.Values.Select(Quoted))})\n");
        return text.Append("""
                }
                $at = ''; $before = ''
                foreach ($element in $ast.CommandElements | Select-Object -Skip 1) {
                    if ($element.Extent.EndOffset -ge $cursor -and $word -ne '') { break }
                    $before = $element.ToString()
                    $below = "$at $before".Trim()
                    if ($words.ContainsKey($below)) { $at = $below }
                }
                if ($values.ContainsKey("${at}:$before")) { $found = $values["${at}:$before"] | ForEach-Object { , @($_, $_) } }
                else { $found = $words[$at] }
                $found | Where-Object { $_[0] -like "$word*" } | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
                }
            }

            """).ToString();
    }

    static string Pair(string word, string description) => $"@({Quoted(word)}, {Quoted(description.Length == 0 ? word : description)})";

    static string Quoted(string text) => $"'{text.Replace("'", "''")}'";
}
