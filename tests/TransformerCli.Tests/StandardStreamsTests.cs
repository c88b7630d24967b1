using TransformerCli.Tests.Commands;

namespace TransformerCli.Tests;

/// <summary>The real program where standard output, standard error or a log cannot be written.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class StandardStreamsTests : FolderTest
{
    // In a shell, since only it can close a descriptor; "T" in the line is the program.
    Outcome Shell(string line)
    {
        Write("tiny.yaml", """
            data: { kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 1, heads: 2, width: 32, context: 32 }
            training: { steps: 30, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }
            """);
        return Programs.Run("bash", ["-c", $"cd '{Folder}'; T() {{ '{EndedProcess.DotNet}' '{EndedProcess.Dll}' \"$@\"; }}; {line}"]);
    }

    long? SavedStep(string run) => new CheckpointStore(At(run, "checkpoints")).FindNewestIntact(out _)?.Step;

    [SignalTheory]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    [InlineData("2> >(head -c 20 >/dev/null)")]
    public void Progress_that_cannot_be_written_is_given_up_and_training_goes_on(string to)
    {
        Shell($"T train tiny.yaml --run A {to}").Done();
        Assert.Equal(30, SavedStep("A"));
        Assert.True(File.Exists(At("A", "result.json")));
    }

    [SignalTheory]
    [InlineData("--log-file /dev/full")]
    [InlineData("--log-file /dev/full --quiet")]
    public void A_log_that_cannot_be_written_is_warned_about_once_and_training_goes_on(string options)
    {
        Assert.Equal(2, Shell($"T train tiny.yaml --run A {options}").Done().Error.Split("warning: a log file can no longer be written").Length);
        Assert.Equal(30, SavedStep("A"));
    }

    [SignalTheory]
    [InlineData("T config list >/dev/full", "No space left on device")]
    [InlineData("T config list --json >/dev/full", "No space left on device")]
    [InlineData("T --help >/dev/full", "No space left on device")]
    [InlineData("T --version >/dev/full", "No space left on device")]
    [InlineData("T config show copy >&-", "it is closed")]
    [InlineData("T train tiny.yaml --run A --json >/dev/full", "No space left on device")]
    [InlineData("T train nowhere.yaml --json >/dev/full", "nowhere.yaml: the config does not exist")]
    [InlineData("T train --jsn --json >/dev/full", "--jsn is not an option")]
    [InlineData("(sleep 1; T config show gpt-stories; echo $? >code) | true; exit $(cat code)", "Broken pipe")]
    public void Results_that_cannot_be_written_are_an_error_with_a_message(string line, string message)
    {
        var ended = Shell(line).Exits(2);
        Assert.Contains("error: ", ended.Error);
        Assert.Contains(message, ended.Error);
        if (line.Contains("--run A")) Assert.Equal(30, SavedStep("A"));
    }

    [SignalTheory]
    [InlineData("T train tiny.yaml --run A --quiet >/dev/null && T score A --input <(echo the cat) && T score A --input <(echo the cat | gzip) && T score A --whole --input <(echo the cat) && T generate A --max-new-tokens 3 --input <(echo the cat)"
        + " && T embed A --input <(printf 'the cat\\nthe dog\\n') && echo the cat | T score A --input /dev/stdin && T tokenizer encode A --input <(echo the cat) && T config check <(cat tiny.yaml) && T data inspect <(echo the cat)")]
    public void Pipes_are_read_where_once_is_enough(string line) =>
        Assert.Equal(3, Shell(line).Done().Output.Split('\n').Count(one => one.StartsWith("sum ", StringComparison.Ordinal)) - 1);

    [SignalTheory]
    [InlineData("T train tiny.yaml --run B --data <(yes the cat | head -500)")]
    [InlineData("T train tiny.yaml --run B --data /dev/null")]
    [InlineData("T data prepare tiny.yaml --cache c --data <(yes the cat | head -500)")]
    [InlineData("T tokenizer inspect <(echo x)")]
    [InlineData("T train tiny.yaml --run A --quiet >/dev/null && T eval A --data <(yes the cat | head -500)")]
    [InlineData("T train tiny.yaml --run B --set data.tokenizer.kind=file --set data.tokenizer.path=/dev/null")]
    public void Pipes_are_refused_with_the_reason_where_once_is_not_enough(string line) =>
        Assert.Contains("is a pipe or a device", Shell(line).Exits(2).Error);

    [SignalTheory]
    [InlineData("T config list >/dev/full 2>/dev/full")]
    [InlineData("T config list --json >&- 2>&-")]
    [InlineData("T train nowhere.yaml 2>&-")]
    public void An_error_that_nothing_can_show_is_still_the_exit_code(string line) => Assert.Equal(2, Shell(line).ExitCode);
}
