namespace TransformerCli.Tests;

/// <summary>What somebody does who sees the program for the first time: one plain message each, and exit code 2.</summary>
public sealed class NewcomerTests : FolderTest
{
    [Theory]
    [InlineData("", "a command is needed: train, sweep, generate,")]
    [InlineData("tran", "tran is not a command (did you mean train?)")]
    [InlineData("frobnicate x", "frobnicate is not a command (the commands are train, sweep, generate,")]
    [InlineData("tokenizer", "tokenizer needs a subcommand: train, encode, decode, inspect (see transformer tokenizer --help)")]
    [InlineData("config chek x.yaml", "chek is not a command of config (did you mean check?)")]
    [InlineData("train", "CONFIG is missing: ")]
    [InlineData("generate", "RUN is missing: A run folder or a checkpoint folder (see transformer generate --help)")]
    [InlineData("score run", "--input FILE is missing: ")]
    [InlineData("doctor now", "now is not expected here (see transformer doctor --help)")]
    [InlineData("train a.yaml --run", "--run needs a value: DIR")]
    [InlineData("train a.yaml --seeds many", "--seeds (many) must be a whole number")]
    [InlineData("generate run --temperature hot", "--temperature (hot) must be a number")]
    [InlineData("generate run --penalty none", "--penalty (none) must be one of length, gnmt")]
    [InlineData("completion tcsh", "SHELL (tcsh) must be one of bash, zsh, fish, pwsh")]
    [InlineData("--versio", "--versio is not an option of this command (did you mean --version?)")]
    [InlineData("generate ROOT", "is not a run folder: it has no checkpoints")]
    [InlineData("generate ROOT/several", "the folder contains the runs of several seeds")]
    [InlineData("score nowhere --input x", "the run folder does not exist")]
    [InlineData("plot confusion ROOT", "has no result.json, which a run has once it has finished (pass the output of transformer eval ROOT --json)")]
    [InlineData("plot schedule gpt-stories --output /dev/null/x.svg", "/dev/null")]
    [InlineData("config list --log-file /dev/null/x.log", "/dev/null/x.log: --log-file: cannot be written")]
    [InlineData("tokenizer train --input ROOT/text.txt --vocabulary 300 --output /dev/null/t.json", "/dev/null/t.json: cannot be written")]
    [InlineData("train ROOT/text.txt", "must be a mapping")]
    [InlineData("train gpt2-small", "data is missing")]
    [InlineData("train gpt-stories --seed 3", "--seed is not an option of this command (it is a setting of the config: --set seed=…)")]
    [InlineData("train gpt-stories --steps 3", "--steps is not an option of this command (it is a setting of the config: --set training.steps=…)")]
    [InlineData("train gpt-stories --learning-rate=1e-3", "(it is a setting of the config: --set training.optimizer.lr=…)")]
    [InlineData("train gpt-stories --batch_size 3", "(it is a setting of the config: --set training.batch=…)")]
    [InlineData("train gpt-stories --max_steps 3", "--max_steps is not an option of this command (did you mean --max-steps?)")]
    [InlineData("train gpt-stories --output-dir runs/x", "--output-dir is not an option of this command (did you mean --run?)")]
    [InlineData("generate runs/x --num-beams 4", "--num-beams is not an option of this command (did you mean --beams?)")]
    [InlineData("generate runs/x --prompt Once upon", "upon is not expected here (a text follows --prompt, in quotes if it has several words)")]
    [InlineData("generate runs/x --lr 4", "--lr is not an option of this command (see transformer generate --help)")]
    [InlineData("generate ROOT/severl", "the run folder does not exist (did you mean ROOT/several?)")]
    [InlineData("train gpt-stories training.steps=3", "training.steps=3: the config does not exist (a setting follows --set: --set training.steps=3)")]
    [InlineData("train ROOT/several", "is a folder, not a config (give the file in it)")]
    [InlineData("train gpt-stories --max-steps 0", "--max-steps (0) must be at least 1")]
    [InlineData("data prepare gpt-stories --jsonl", "--jsonl is for --data -")]
    [InlineData("plot loss ROOT/text.txt", "is a file, but a run folder is needed")]
    public void A_mistake_is_reported_in_one_plain_line(string line, string message)
    {
        Write("text.txt", "some text");
        Directory.CreateDirectory(At("several", "seed-1"));
        string[] words = line.Length == 0 ? [] : line.Replace("ROOT", Folder).Split(' ');
        var (code, output, error) = CommandLine.Run(words);
        Assert.Equal(2, code);
        Assert.Equal("", output);
        Assert.StartsWith("error: ", error);
        Assert.Contains(message.Replace("ROOT", Folder), error);
        Assert.DoesNotContain("   at ", error);
        Assert.DoesNotContain("System.", error);

        var json = CommandLine.Run([.. words, "--json"]).Exits(2);
        // Where --run lacks its value, --json became it.
        if (words is [.., "--run"]) return;
        Assert.Equal("transformer.error/1", json.Json.GetProperty("schema").GetString());
        Assert.Equal("", json.Error);
    }

    [Fact]
    public void The_log_file_keeps_the_command_its_messages_and_its_exit_code_of_every_command()
    {
        var log = At("below", "log.txt");
        Assert.Equal(0, CommandLine.Run("config", "list", "--log-file", log).ExitCode);
        Assert.Equal(2, CommandLine.Run("config", "check", "nowhere.yaml", "--log-file", log).ExitCode);
        Assert.Equal(2, CommandLine.Run("generate", "nowhere", "--json", "--log-file", log).ExitCode);
        var text = File.ReadAllText(log);
        Assert.Contains("[INF] transformer config list", text);
        Assert.Contains("[INF] list: exit code 0", text);
        Assert.Contains("[ERR] error: nowhere.yaml: the config does not exist", text);
        Assert.Contains("[ERR] nowhere: the run folder does not exist", text);
        Assert.Contains("[INF] generate: exit code 2", text);
    }

    [Fact]
    public void Verbose_prints_time_and_memory_and_quiet_only_results()
    {
        var verbose = CommandLine.Run("config", "list", "--verbose");
        Assert.Matches(@"^list: exit code 0, [\d.]+ s, at most \d+ MiB\s*$", verbose.Error);
        var quiet = CommandLine.Run("config", "list", "--quiet");
        Assert.Equal((verbose.Output, ""), (quiet.Output, quiet.Error));
    }
}
