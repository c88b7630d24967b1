using Transformers.Configs;

namespace TransformerCli.Tests.Commands;

public sealed class CompletionCommandTests : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("transformer-completion-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    // What bash itself offers after these words, by the script that the program prints.
    string[] InBash(params string[] words)
    {
        var script = Path.Combine(root, "completion.bash");
        File.WriteAllText(script, CommandLine.Run("completion", "bash").Output);
        var line = string.Join(' ', words.Select(word => $"'{word}'"));
        var result = EndedProcess.Start("bash", ["--norc", "-c", $"source '{script}' && cd '{root}' && COMP_WORDS=(transformer {line}) && COMP_CWORD={words.Length} && _transformer && printf '%s\\n' \"${{COMPREPLY[@]}}\"; complete -p transformer"]);
        Assert.Equal("", result.Error);
        Assert.Contains("-F _transformer transformer", result.Output);
        return [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(one => !one.StartsWith("complete ", StringComparison.Ordinal))];
    }

    [Fact]
    public void Bash_completes_commands_their_parts_options_and_values()
    {
        Assert.Equal(["train"], InBash("tr"));
        Assert.Equal(["tokenizer"], InBash("tok"));
        Assert.Contains("--json", InBash("--"));
        Assert.Equal(["train"], InBash("tokenizer", "tr"));
        Assert.Equal(["stories"], InBash("data", "make", "st"));
        Assert.Equal(["--max-steps", "--max-time"], InBash("train", "gpt-stories", "--max"));
        Assert.Contains("--quiet", InBash("train", "--q"));
        Assert.DoesNotContain("--prompt", InBash("train", "--"));
        Assert.Equal(["length", "gnmt"], InBash("generate", "run", "--penalty", ""));
        Assert.Equal(["latest"], InBash("eval", "run", "--checkpoint", "=", "l"));
        Assert.Equal(["bash"], InBash("completion", "ba"));
    }

    [Fact]
    public void Bash_offers_ready_configs_beside_files_where_a_config_stands_and_files_alone_where_a_file_does()
    {
        File.WriteAllText(Path.Combine(root, "gpt-mine.yaml"), "");
        Assert.Equal(["gpt-stories", "gpt2-small", "gpt-mine.yaml"], InBash("train", "gpt"));
        Assert.Equal(ReadyConfigs.List().Count(config => config.Name.StartsWith("vit", StringComparison.Ordinal)), InBash("inspect", "vit").Length);
        Assert.Empty(InBash("train", "gpt-stories", "--data", "gpt"));
    }

    [Theory]
    [InlineData("zsh", "--norcs -fic", "autoload -U compinit && compinit -D && source {0} && whence -w _transformer && [[ $_comps[transformer] == _transformer ]]", "function")]
    [InlineData("fish", "--no-config -c", "source {0}; complete -C 'transformer tokenizer tr'; complete -C 'transformer generate x --penalty '; complete -C 'transformer train --max'", "train", "gnmt", "--max-steps", "--max-time")]
    public void Other_shells_read_their_scripts(string shell, string options, string line, params string[] expected)
    {
        var output = CommandLine.Run("completion", shell).Output;
        Assert.Contains("--max-steps", output.Replace("-l max-steps", "--max-steps"));
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, shell))), $"{shell} is not installed");
        var script = Path.Combine(root, "completion." + shell);
        File.WriteAllText(script, output);
        var result = EndedProcess.Start(shell, [.. options.Split(' '), string.Format(System.Globalization.CultureInfo.InvariantCulture, line.Replace("{0}", "'{0}'"), script)], new Dictionary<string, string> { ["HOME"] = root });
        Assert.True(result.ExitCode == 0, result.Error);
        foreach (var word in expected) Assert.Contains(word, result.Output);
    }

    [Fact]
    public void A_shell_that_is_not_known_is_told_which_are()
    {
        var outcome = CommandLine.Run("completion", "tcsh");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("bash", outcome.Error);
        foreach (var command in new[] { "train", "config check", "data make stories" })
            Assert.Contains($"'{command}' = @(", CommandLine.Run("completion", "pwsh").Output);
    }
}
