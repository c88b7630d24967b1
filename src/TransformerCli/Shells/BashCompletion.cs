using System.Text;

namespace TransformerCli.Shells;

/// <summary>The script for bash, from version 4.</summary>
static class BashCompletion
{
    internal static string Write(IReadOnlyList<CommandWords> commands)
    {
        var text = new StringBuilder("""
            # bash completion of transformer. Load it: source <(transformer completion bash)
            _transformer() {
                local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" i
                COMPREPLY=()
                # --option=value comes as three words.
                if [[ $cur == = ]]; then cur=""; fi
                if [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
                for ((i = 1; i < COMP_CWORD; i++)); do
                    case "$path/${COMP_WORDS[i]}" in

            """);
        text.Append($"            {Alternatives(commands.SelectMany(command => command.Commands.Select(sub => $"{command.Path}/{sub.Name}")))}) path=\"${{path:+$path }}${{COMP_WORDS[i]}}\" ;;\n");
        text.Append("        esac\n    done\n    case \"$path:$prev\" in\n");
        foreach (var command in commands)
        {
            foreach (var option in command.Options.Where(option => option.Values.Count > 0))
                text.Append($"        \"{command.Path}:{option.Name}\") COMPREPLY=($(compgen -W \"{string.Join(' ', option.Values)}\" -- \"$cur\")); return ;;\n");
            // Nothing of ours: bash offers files.
            if (command.Options.Where(option => option.TakesValue && option.Values.Count == 0).Select(option => $"{command.Path}:{option.Name}").ToList() is { Count: > 0 } free)
                text.Append($"        {Alternatives(free)}) return ;;\n");
        }
        text.Append("    esac\n    local words=\"\" options=\"\"\n    case \"$path\" in\n");
        foreach (var command in commands)
            text.Append($"        \"{command.Path}\") words=\"{string.Join(' ', command.Commands.Select(sub => sub.Name).Concat(command.Values))}\"; options=\"{string.Join(' ', command.Options.Select(option => option.Name))}\" ;;\n");
        return text.Append("""
                esac
                if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$cur")); return; fi
                COMPREPLY=($(compgen -W "$words" -- "$cur"))
                # A name of a ready config may be a file as well.
                if [[ -n $path && -n $words ]]; then COMPREPLY+=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null || true; fi
            }
            complete -o default -F _transformer transformer

            """).ToString();
    }

    static string Alternatives(IEnumerable<string> words) => string.Join('|', words.Select(word => $"\"{word}\""));
}
