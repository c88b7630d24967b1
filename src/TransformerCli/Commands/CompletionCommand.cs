using System.CommandLine;

namespace TransformerCli.Commands;

/// <summary><c>completion</c>: prints a script that makes a shell ask the program's <c>[suggest]</c> directive for completions.</summary>
static class CompletionCommand
{
    // bash splits words at = and replaces only what follows. -o default adds file names where nothing matches.
    const string Bash = """
        # bash completion of transformer. Load it: source <(transformer completion bash)
        _transformer() {
            local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]}
            [[ $cur == = ]] && cur=""
            COMPREPLY=($(compgen -W "$("$1" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "$cur"))
            [[ $cur != -* ]] && COMPREPLY+=($(compgen -f -- "$cur"))
            [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        }
        complete -o default -F _transformer transformer

        """;

    const string Zsh = """
        #compdef transformer
        # zsh completion of transformer. Load it: source <(transformer completion zsh), after compinit.
        _transformer() {
            local -a found=("${(@f)$($words[1] "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
            [[ $PREFIX == --*=* ]] && compset -P '*='
            compadd -S '' -- ${(M)found:#*=}
            compadd -- ${found:#*=}
            [[ $PREFIX != -* ]] && _files
        }
        compdef _transformer transformer

        """;

    const string Fish = """
        # fish completion of transformer. Load it: transformer completion fish | source
        complete -c transformer -a '(set -l line (commandline -cp); transformer "[suggest:"(string length -- $line)"]" $line 2>/dev/null)'

        """;

    const string PowerShell = """
        # PowerShell completion of transformer. Load it: transformer completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName transformer -ScriptBlock {
            param($word, $line, $cursor)
            transformer "[suggest:$cursor]" "$line" 2>$null | Where-Object { $_ -like "$word*" } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }

        """;

    public static Command Create(CliContext context)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or pwsh", HelpName = "bash|zsh|fish|pwsh", CompletionSources = { "bash", "zsh", "fish", "pwsh" } };
        shell.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: not ("bash" or "zsh" or "fish" or "pwsh") } other]) result.AddError($"SHELL ({other.Value}) must be one of bash, zsh, fish, pwsh");
        });
        return context.Create("completion", """
            Prints a script that makes a shell complete commands, options, names of ready-made configs, run folders and settings.

            bash: source <(transformer completion bash) in ~/.bashrc; zsh: the same after compinit in ~/.zshrc;
            fish: transformer completion fish > ~/.config/fish/completions/transformer.fish;
            PowerShell: transformer completion pwsh | Out-String | Invoke-Expression in the profile.

            Example: transformer completion bash > ~/.local/share/bash-completion/completions/transformer
            """, [shell], (parse, _) =>
        {
            var script = parse.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, "fish" => Fish, _ => PowerShell };
            return context.Print(parse, new { Schema = "transformer.completion/1", Shell = parse.GetValue(shell), Script = script }, writer => writer.Write(script));
        });
    }
}
