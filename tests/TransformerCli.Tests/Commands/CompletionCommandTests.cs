using Transformers.Configs;

namespace TransformerCli.Tests.Commands;

public sealed class CompletionCommandTests : FolderTest
{
    // The script asks the program by its name; here that is the one under test.
    static readonly string Program = $"transformer() {{ dotnet '{EndedProcess.Dll}' \"$@\"; }}";

    // What the program suggests at the end of a line.
    static string[] Suggested(string line) => CommandLine.Run($"[suggest:{line.Length}]", line).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // What bash itself offers after these words, by the script that the program prints.
    string[] InBash(params string[] words)
    {
        var script = Write("completion.bash", CommandLine.Run("completion", "bash").Output);
        var line = $"transformer {string.Join(' ', words)}".Replace(" = ", "=");
        var quoted = string.Join(' ', words.Select(word => $"'{word}'"));
        var result = Programs.Run("bash", ["--norc", "-c", $"source '{script}' && cd '{Folder}' && {Program} && COMP_WORDS=(transformer {quoted}) && COMP_CWORD={words.Length} && COMP_LINE='{line}' && COMP_POINT={line.Length} && _transformer transformer; printf '%s\\n' \"${{COMPREPLY[@]}}\"; complete -p transformer"]);
        Assert.DoesNotContain("command not found", result.Error);
        Assert.Contains("-F _transformer transformer", result.Output);
        return [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(one => !one.StartsWith("complete ", StringComparison.Ordinal))];
    }

    [Fact]
    public void Commands_options_and_values_are_suggested()
    {
        Assert.Contains("train", Suggested("tr"));
        Assert.Contains("--json", Suggested("--js"));
        Assert.Contains("train", Suggested("tokenizer tr"));
        Assert.Equal(["stories"], Suggested("data make st"));
        Assert.Contains("--max-steps", Suggested("train gpt-stories --max"));
        Assert.DoesNotContain("--prompt", Suggested("train --"));
        Assert.DoesNotContain("--out", Suggested("report --"));
        Assert.Equal(["gnmt", "length"], Suggested("generate run --penalty ").Order(StringComparer.Ordinal));
        Assert.Contains("latest", Suggested("eval run --checkpoint l"));
        Assert.Contains("bash", Suggested("completion b"));
        Assert.Equal(["bpe", "bytes", "characters", "words"], Suggested("tokenizer train --kind ").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Configs_and_settings_of_the_configs_on_the_line_are_suggested()
    {
        Assert.Equal(["gpt-stories", "gpt2-small"], Suggested("train gpt").Where(name => name.StartsWith("gpt", StringComparison.Ordinal)));
        Assert.Equal(ReadyConfigs.List().Count(config => config.Name.Contains("vit", StringComparison.Ordinal)), Suggested("inspect vit").Count(name => !name.StartsWith('-')));
        Assert.Contains("model.layers=", Suggested("train gpt-stories --set model.la"));
        Assert.Contains("training.optimizer.lr=", Suggested("train gpt-stories --set training.opt"));
        Assert.Empty(Suggested("train nowhere --set model.la"));
    }

    [Fact]
    public void Bash_offers_suggestions_that_begin_with_the_word_and_files()
    {
        Write("gpt-mine.yaml", "");
        Assert.Equal(["train"], InBash("tr"));
        Assert.Equal(["--max-steps", "--max-time"], InBash("train", "gpt-stories", "--max"));
        Assert.Equal(["gpt-stories", "gpt2-small", "gpt-mine.yaml"], InBash("train", "gpt"));
        Assert.Equal(["latest"], InBash("eval", "run", "--checkpoint", "=", "l"));
        Directory.CreateDirectory(At("runs", "mine", "checkpoints"));
        Assert.Equal(["runs/mine"], InBash("eval", "runs/m").Distinct());
    }

    [Theory]
    [InlineData("zsh", "--norcs -fic", "autoload -U compinit && compinit -D && source {0} && whence -w _transformer && [[ $_comps[transformer] == _transformer ]]", "function")]
    [InlineData("fish", "--no-config -c", "source {0}; complete -C 'transformer tokenizer tr'")]
    public void Other_shells_read_their_scripts(string shell, string options, string line, params string[] expected)
    {
        var output = CommandLine.Run("completion", shell).Output;
        Assert.Contains("[suggest:", output);
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, shell))), $"{shell} is not installed");
        var script = At("completion." + shell);
        File.WriteAllText(script, output);
        var result = Programs.Run(shell, [.. options.Split(' '), line.Replace("{0}", $"'{script}'")], new Dictionary<string, string> { ["HOME"] = Folder }).Done();
        foreach (var word in expected) Assert.Contains(word, result.Output);
    }

    [Fact]
    public void An_unknown_shell_is_refused_with_the_known_ones()
    {
        Assert.Contains("bash, zsh, fish, pwsh", CommandLine.Refused("completion", "tcsh"));
        Assert.Contains("Register-ArgumentCompleter", CommandLine.Run("completion", "pwsh").Output);
    }
}
