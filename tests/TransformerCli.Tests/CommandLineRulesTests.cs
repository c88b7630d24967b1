namespace TransformerCli.Tests;

/// <summary>What a command line may say, before anything is opened or computed.</summary>
public sealed class CommandLineRulesTests
{
    [Theory]
    [InlineData("train copy --run ''", "--run must not be empty")]
    [InlineData("train copy --from ''", "--from must not be empty")]
    [InlineData("train copy --data ''", "--data must not be empty")]
    [InlineData("train copy --resume=", "--resume= needs a value")]
    [InlineData("train copy ''", "CONFIG must not be empty")]
    [InlineData("plot loss ''", "RUN must not be empty")]
    [InlineData("plot positions '' --output x.svg", "CONFIG|RUN must not be empty")]
    [InlineData("plot schedule copy --output ''", "--output must not be empty")]
    [InlineData("report ''", "RUN must not be empty")]
    [InlineData("config list --log-file ''", "--log-file must not be empty")]
    [InlineData("data make stories --output '' --size 1kB", "--output must not be empty")]
    [InlineData("data make copy --output ''", "--output must not be empty")]
    [InlineData("config copy copy ''", "FILE must not be empty")]
    [InlineData("config show ''", "NAME must not be empty")]
    [InlineData("tokenizer train --input '' --vocabulary 300", "--input must not be empty")]
    [InlineData("tokenizer encode x.json --input ''", "--input must not be empty")]
    [InlineData("tokenizer inspect ''", "TOKENIZER must not be empty")]
    [InlineData("average '' --output x", "CHECKPOINT must not be empty")]
    public void An_empty_word_is_no_file_folder_or_run(string line, string message) =>
        Assert.Contains(message, CommandLine.Refused([.. line.Split(' ').Select(word => word == "''" ? "" : word)]));

    [Theory]
    [InlineData("loss<=1.2.3")]
    [InlineData("val_loss<=.")]
    [InlineData("loss<=")]
    public void A_number_that_is_none_is_no_expectation(string rule)
    {
        Assert.Contains($"--expect ({rule}) must be", CommandLine.Refused("train", "copy", "--expect", rule));
        Assert.Contains($"--expect ({rule}) must be", CommandLine.Refused("eval", "nowhere", "--expect", rule));
    }

    [Fact]
    public void An_expectation_of_an_unknown_result_is_refused_before_training()
    {
        var run = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Assert.Contains("no result named vall_loss", CommandLine.Refused("train", "copy", "--run", run, "--expect", "vall_loss<=1"));
        Assert.False(Directory.Exists(run));
    }

    [Fact]
    public void The_metrics_that_can_be_expected_are_those_of_the_page_on_json()
    {
        var page = File.ReadAllLines(Repository.PathOf("docs", "json.md"));
        var row = page.First(line => line.StartsWith("| `metrics` |", StringComparison.Ordinal)).Split('|')[3];
        // Those of forecasts have a table of their own.
        var forecasts = page.SkipWhile(line => line != "### Scores of forecasts").SkipWhile(line => !line.StartsWith('|')).TakeWhile(line => line.StartsWith('|')).Select(line => line.Split('|')[1]);
        var metrics = Regex.Matches(string.Join(' ', [row, .. forecasts]), "`([a-z0-9_*]+)`").Select(match => match.Groups[1].Value).ToList();
        var names = CommandLine.Refused("train", "copy", "--expect", "nothing<=1").Split("the results are ")[1].TrimEnd(')', '\n', '\r').Split(", ");
        Assert.Equal(metrics.Order(StringComparer.Ordinal), names[^metrics.Count..].Order(StringComparer.Ordinal));
        Assert.Equal(["parameters", "steps", "seconds", "tokens_per_second", "images_per_second", "train_loss", "val_loss", "peak_memory_bytes", "processes", "skipped_steps", "roll_backs", "data_wait", "best.step", "best.val_loss"],
            names[..^metrics.Count]);
    }

    [Fact]
    public void Resume_takes_its_value_only_after_an_equals_sign()
    {
        Assert.Contains("nowhere.yaml: the config does not exist", CommandLine.Refused("train", "--resume", "nowhere.yaml"));
        Assert.Contains("nowhere.yaml: the config does not exist", CommandLine.Refused("train", "--resume=never", "nowhere.yaml"));
        Assert.Contains("--resume=never)", CommandLine.Refused("train", "copy", "--resume", "never"));
        Assert.Contains("--resume (elsewhere) must be", CommandLine.Refused("train", "--resume=elsewhere", "copy"));
    }

    [Theory]
    [InlineData("train --set training.steps=3 copy", "put CONFIG before --set")]
    [InlineData("train --expect val_loss<=1 copy", "put CONFIG before --expect")]
    [InlineData("eval --expect loss<=1 runs/x", "put RUN before --expect")]
    [InlineData("bench generate --prompts 1 runs/x", "--prompts (runs/x) must be a whole number")]
    [InlineData("bench generate --prompts abc", "--prompts (abc) must be a whole number")]
    [InlineData("bench generate --prompts 99999999999", "--prompts (99999999999) must be a whole number up to 2147483647")]
    [InlineData("predict x y --top 99999999999", "--top (99999999999) must be a whole number up to 2147483647")]
    [InlineData("predict x y --top two", "--top (two) must be a whole number (")]
    [InlineData("generate x --seed -1", "--seed (-1) must be a whole number of at least 0")]
    [InlineData("plot attention x --part 7", "--part (7) must be one of cross, encoder, decoder")]
    [InlineData("plot attention x --part foo", "--part (foo) must be one of cross, encoder, decoder")]
    public void A_misplaced_or_malformed_word_is_reported_with_the_right_form(string line, string message) => Assert.Contains(message, CommandLine.Refused(line.Split(' ')));

    [Theory]
    [InlineData("generate x --temperature 0,5", "--temperature (0,5) must be a number (write 0.5")]
    [InlineData("generate x --top-p 0,9", "--top-p (0,9) must be a number (write 0.9")]
    [InlineData("generate x --min-p=,05", "--min-p (,05) must be a number (write .05")]
    [InlineData("generate x --repetition-penalty 1,2", "--repetition-penalty (1,2) must be a number (write 1.2")]
    [InlineData("generate x --length-penalty 0,6", "--length-penalty (0,6) must be a number (write 0.6")]
    [InlineData("eval x --length-penalty 0,6", "--length-penalty (0,6) must be a number (write 0.6")]
    [InlineData("generate x --temperature 1,000.5", "--temperature (1,000.5) must be a number (write 1000.5: no thousands separators")]
    [InlineData("generate x --temperature 1e999", "--temperature (1e999) must be a number")]
    [InlineData("generate x --temperature 0.5x", "--temperature (0.5x) must be a number")]
    [InlineData("generate x --temperature ٣", "--temperature (٣) must be a number")]
    [InlineData("generate x --max-new-tokens 1,000", "--max-new-tokens (1,000) must be a whole number (write 1000")]
    [InlineData("generate x --max-new-tokens 1_000", "--max-new-tokens (1_000) must be a whole number")]
    [InlineData("generate x --top-k 1.0", "--top-k (1.0) must be a whole number")]
    [InlineData("generate x --seed 0x10", "--seed (0x10) must be a whole number of at least 0")]
    [InlineData("train copy --max-steps 1,000", "--max-steps (1,000) must be a whole number (write 1000")]
    [InlineData("train copy --max-time 1,5h", "--max-time (1,5h) must be a duration")]
    [InlineData("train copy --expect val_loss<=1,5", "a number (write 1.5")]
    [InlineData("eval x --expect loss<=1,000", "a number (write 1000")]
    [InlineData("train copy --set training.optimizer.lr=0,5", "must be a number (write 0.5")]
    [InlineData("train copy --set training.steps=1,000", "must be a whole number (write 1000")]
    [InlineData("train copy --set training.steps=٣", "must be a whole number")]
    [InlineData("bench generate --prompts 1 3,2", "--prompts (3,2) must be a whole number (write 3.2")]
    [InlineData("inspect copy --link 1,5", "--link (1,5) must be a number (write 1.5")]
    [InlineData("inspect copy --threads 1,0", "--threads (1,0) must be a whole number")]
    [InlineData("data make stories --size 1,5MB", "1,5MB")]
    [InlineData("data make stories --size 1,000", "1,000")]
    public void A_number_is_read_whole_with_a_decimal_point_and_no_marks_between_thousands(string line, string message) =>
        Assert.Contains(message, CommandLine.Refused(line.Split(' ')));

    [Theory]
    [InlineData("plot positions --set model.layers=2", "--set is for a run or a config")]
    [InlineData("plot positions --checkpoint 3", "--checkpoint is for a run or a config")]
    [InlineData("plot positions copy --checkpoint 3", "--checkpoint is for a run, but copy is a config")]
    [InlineData("tokenizer train --input x --kind bytes --vocabulary 999", "--vocabulary is for --kind bpe, but --kind is bytes")]
    [InlineData("tokenizer train --input x --kind character --pattern gpt2", "--pattern is for --kind bpe, but --kind is characters")]
    [InlineData("tokenizer train --input x --vocabulary 300 --threads -2", "--threads (-2) must be at least 0")]
    [InlineData("data prepare gpt-stories --threads -2", "--threads (-2) must be at least 0")]
    [InlineData("bench data --images --threads 0", "--threads (0) must be at least 1")]
    [InlineData("inspect copy --link NaN", "--link (NaN) must be a number")]
    [InlineData("inspect copy --link Infinity", "--link (Infinity) must be a number")]
    [InlineData("generate x --stream --json", "--stream prints text as it is generated")]
    [InlineData("generate x --stream --num 2", "--stream prints one completion, but --num (2) asks for more")]
    [InlineData("generate x --stream --input y", "--stream continues one prompt")]
    public void An_option_that_would_do_nothing_or_harm_is_refused(string line, string message)
    {
        var outcome = CommandLine.Run(line.Split(' ')).Exits(2);
        Assert.Contains(message, outcome.Error + outcome.Output);
    }

    [Theory]
    [InlineData("plot schedule gpt-stories --out OUT/a.svg", "a.svg")]
    [InlineData("plot schedule gpt-stories --out=OUT/b.svg", "b.svg")]
    [InlineData("plot positions --places 8 --out OUT/e.svg", "e.svg")]
    [InlineData("tokenizer train --input OUT/text.txt --kind character --output OUT/c.json", "c.json")]
    [InlineData("tokenizer train --input OUT/text.txt --kind words --output OUT/d.json", "d.json")]
    public void Names_of_an_earlier_version_still_work(string line, string made)
    {
        var folder = Directory.CreateTempSubdirectory("transformer-names-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "text.txt"), "some text");
            CommandLine.Done(line.Replace("OUT", folder).Split(' '));
            Assert.True(File.Exists(Path.Combine(folder, made)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Every_mistake_among_settings_is_reported()
    {
        var error = CommandLine.Refused("config", "check", "copy", "--set", "=3", "--set", "modl.layers=2");
        Assert.Contains("'' is not a path", error);
        Assert.Contains("modl is not a setting", error);
    }

    [Fact]
    public void The_version_is_a_document_with_json_and_quiet_does_no_harm()
    {
        using var document = JsonDocument.Parse(CommandLine.Run("--version", "--json").Output);
        Assert.Equal("transformer.version/1", document.RootElement.GetProperty("schema").GetString());
        Assert.Matches(@"^\d+\.\d+\.\d+$", document.RootElement.GetProperty("version").GetString());
        Assert.Equal(CommandLine.Run("--version").Output, CommandLine.Run("--quiet", "--version").Output);
    }

    [Fact]
    public void A_file_that_is_not_json_is_not_quoted_where_a_confusion_matrix_is_sought()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllBytes(file, [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))]);
        try
        {
            var error = CommandLine.Refused("plot", "confusion", file, "--output", file + ".svg");
            Assert.Contains("is not JSON", error);
            Assert.True(error.Length < 400, error);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
