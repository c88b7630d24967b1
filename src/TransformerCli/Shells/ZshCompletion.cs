using System.Text;

namespace TransformerCli.Shells;

/// <summary>The script for zsh.</summary>
static class ZshCompletion
{
    internal static string Write(IReadOnlyList<CommandWords> commands)
    {
        var text = new StringBuilder("""
            #compdef transformer
            # zsh completion of transformer. Load it: source <(transformer completion zsh), after compinit.
            _transformer() {
                local at="" i option
                local -a names options
                for ((i = 2; i < CURRENT; i++)); do
                    case "$at/$words[i]" in

            """);
        text.Append($"            {string.Join('|', commands.SelectMany(command => command.Commands.Select(sub => $"\"{command.Path}/{sub.Name}\"")))}) at=\"${{at:+$at }}$words[i]\" ;;\n");
        text.Append("        esac\n    done\n    option=$words[CURRENT-1]\n");
        text.Append("    # --option=value is one word.\n    if [[ $words[CURRENT] == --*=* ]]; then option=${words[CURRENT]%%=*}; compset -P '*='; fi\n    case \"$at:$option\" in\n");
        foreach (var command in commands)
            foreach (var option in command.Options.Where(option => option.TakesValue))
                text.Append($"        \"{command.Path}:{option.Name}\") {(option.Values.Count > 0 ? $"compadd -- {string.Join(' ', option.Values)}" : "_files")}; return ;;\n");
        text.Append("    esac\n    case \"$at\" in\n");
        foreach (var command in commands)
        {
            var names = command.Commands.Select(sub => Quoted($"{sub.Name}:{sub.Description}")).Concat(command.Values.Select(Quoted));
            text.Append($"        \"{command.Path}\")\n            names=({string.Join(' ', names)})\n            options=({string.Join(' ', command.Options.Select(option => Quoted($"{option.Name}:{option.Description}")))}) ;;\n");
        }
        return text.Append("""
                esac
                if [[ $words[CURRENT] == -* ]]; then _describe option options; return; fi
                (( $#names )) && _describe word names
                [[ -n $at ]] && _files
            }
            compdef _transformer transformer

            """).ToString();
    }

    static string Quoted(string text) => $"'{text.Replace("'", "'\\''")}'";
}
