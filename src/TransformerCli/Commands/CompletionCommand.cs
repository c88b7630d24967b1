using System.CommandLine;
using TransformerCli.Shells;

namespace TransformerCli.Commands;

/// <summary><c>completion</c>: prints a script by which a shell completes the program's commands, options and values.</summary>
static class CompletionCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or pwsh" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish", "pwsh");
        var command = new Command("completion", """
            Prints a script by which a shell completes commands, options and the names of ready configs.

            bash: source <(transformer completion bash) in ~/.bashrc; zsh: the same after compinit in ~/.zshrc;
            fish: transformer completion fish > ~/.config/fish/completions/transformer.fish;
            PowerShell: transformer completion pwsh | Out-String | Invoke-Expression in the profile.

            Example: transformer completion bash > ~/.local/share/bash-completion/completions/transformer
            """)
        {
            shell,
        };
        context.Handle(command, (parse, _) =>
        {
            var commands = CompletionWords();
            context.Out.Write(parse.GetValue(shell) switch
            {
                "bash" => BashCompletion.Write(commands),
                "zsh" => ZshCompletion.Write(commands),
                "fish" => FishCompletion.Write(commands),
                _ => PowerShellCompletion.Write(commands),
            });
            return ExitCodes.Done;
        });
        return command;

        IReadOnlyList<CommandWords> CompletionWords() => CommandWords.Of(App.Root(context));
    }
}
