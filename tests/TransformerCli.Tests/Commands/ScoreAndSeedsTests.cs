namespace TransformerCli.Tests.Commands;

/// <summary><c>score</c>, <c>train --seeds</c> and <c>train --dry-run</c> through the command line.</summary>
[Collection("engine")]
public sealed class ScoreAndSeedsTests : FolderTest
{
    string Config(string data = "kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: characters }, document_start: false", string model = "kind: gpt, layers: 1, heads: 2, width: 32, context: 32") => Write("tiny.yaml", $$"""
        data: { {{data}} }
        model: { {{model}} }
        training:
          steps: 6
          batch: { sequences: 4 }
          optimizer: { kind: adamw, lr: 1.0e-3 }
          precision: fp32
          sample: { tokens: 0 }
        """);

    Outcome Train(string config, params string[] more) => CommandLine.Run(["train", config, "--run", At("run"), "--device", "cpu", .. more]);

    [Fact]
    public void Score_prints_a_json_line_a_text_whose_sum_is_evals_loss()
    {
        Assert.Equal(0, Train(Config(), "--quiet").ExitCode);
        var text = Write("text.txt", "Once upon a time Anna ran home.");
        var whole = JsonDocument.Parse(CommandLine.Run("eval", At("run"), "--data", text, "--precision", "fp32", "--json").Output).RootElement;
        var line = Assert.Single(CommandLine.Done("score", At("run"), "--input", text, "--precision", "fp32", "--json").JsonLines);
        Assert.Equal("transformer.score/1", line.GetProperty("schema").GetString());
        var logs = line.GetProperty("log_probabilities").EnumerateArray().ToList();
        Assert.Equal(JsonValueKind.Null, logs[0].ValueKind);
        var sum = logs.Skip(1).Sum(one => one.GetDouble());
        Assert.Equal(line.GetProperty("sum").GetDouble(), sum, 1e-9);
        Assert.Equal(whole.GetProperty("examples").GetInt64() * whole.GetProperty("metrics").GetProperty("loss").GetDouble(), -sum, 1e-2);
        Assert.Equal(whole.GetProperty("metrics").GetProperty("perplexity").GetDouble(), line.GetProperty("perplexity").GetDouble(), 1e-2);

        var plain = CommandLine.Run("score", At("run"), "--input", Write("two.txt", "Once upon a time\nThe cat\n"));
        Assert.Equal(2, plain.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Matches(@"^sum -\d.*  loss .*  perplexity .*  bits_per_byte .*  Once upon a time\n", plain.Output);
        Assert.Contains("2 texts, 21 tokens scored", plain.Error);
        Assert.Single(CommandLine.Done("score", At("run"), "--input", At("two.txt"), "--whole", "--json").JsonLines);
        foreach (var (wrong, message) in new[] { ("--target", "--target is for encoder-decoders"), ("--stride", "--stride (0) must be between 1 and") })
        {
            Assert.Contains(message, CommandLine.Run("score", At("run"), "--input", text, wrong, wrong == "--stride" ? "0" : text).Exits(2).Error);
        }
    }

    [Fact]
    public void Score_reads_pairs_from_one_file_or_two()
    {
        Assert.Equal(0, Train(Config("kind: parallel, source: { generator: copy, size: 300 }, tokenizer: { kind: words }", "kind: seq2seq, layers: 1, heads: 2, width: 16, context: 24"), "--quiet").ExitCode);
        var pairs = Write("pairs.tsv", "b a c\tb a c\na b\tb a\n");
        var one = CommandLine.Done("score", At("run"), "--input", pairs, "--json").JsonLines;
        var two = CommandLine.Done("score", At("run"), "--input", Write("source.txt", "b a c\na b\n"), "--target", Write("target.txt", "b a c\nb a\n"), "--json").JsonLines;
        Assert.Equal(one.Select(line => line.ToString()), two.Select(line => line.ToString()));
        Assert.Equal("b a c", one[0].GetProperty("source").GetString());

        foreach (var (input, target, message) in new[] { ("one column\n", null, ":1: --input: must be a source, one tab and a target"), ("a\nb\n", "a\n", "ends after line 1") })
        {
            string[] more = target is null ? [] : ["--target", Write("bad-target.txt", target)];
            Assert.Contains(message, CommandLine.Run(["score", At("run"), "--input", Write("bad.txt", input), .. more]).Exits(2).Error);
        }

        // A bad line among others is reported, and stops none of them.
        var mixed = CommandLine.Run("score", At("run"), "--input", Write("mixed.tsv", "b a c\tb a c\nno tab\na b\tb a\n"), "--json").Exits(2);
        Assert.Contains($"warning: {At("mixed.tsv")}:2: --input: must be a source", mixed.Error);
        Assert.Contains("1 of 3 lines could not be read; the rest were processed", mixed.Error);
        var scores = mixed.JsonLines;
        Assert.Equal(one[0].ToString(), scores[0].ToString());
        Assert.Equal("unread", scores[1].GetProperty("measure").GetString());
        Assert.Equal(one[1].ToString(), scores[2].ToString());
    }

    [Fact]
    public void Seeds_trains_several_runs_and_judges_their_means()
    {
        var config = Config();
        var trained = Train(config, "--seeds", "2", "--json", "--expect", "val_loss<=10").Done();
        var document = trained.Json;
        Assert.Equal("transformer.seeds/1", document.GetProperty("schema").GetString());
        var losses = document.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("val_loss").GetDouble()).ToList();
        Assert.Equal(losses.Average(), document.GetProperty("mean").GetProperty("val_loss").GetDouble(), 1e-9);
        Assert.Equal(Math.Abs(losses[0] - losses[1]) / Math.Sqrt(2), document.GetProperty("deviation").GetProperty("val_loss").GetDouble(), 1e-9);
        // Finished runs are judged again: just above the mean it holds, just below it does not.
        string Bound(double loss) => FormattableString.Invariant($"val_loss<={loss:F6}");
        Assert.Equal(0, Train(config, "--seeds", "2", "--quiet", "--expect", Bound(losses.Average() + 1e-4)).ExitCode);
        Assert.Matches(@"val_loss +\d\.\d+ ± 0\.\d+", Train(config, "--seeds", "2", "--quiet", "--expect", Bound(losses.Average() - 1e-4)).Exits(3).Output);
        Assert.Contains("the folder contains the runs of several seeds", CommandLine.Run("generate", At("run")).Error);
    }

    [Fact]
    public void A_dry_run_prints_what_would_be_trained_and_leaves_nothing()
    {
        var dry = Train(Config(), "--dry-run", "--json").Done();
        var document = dry.Json;
        Assert.Equal("transformer.dry-run/1", document.GetProperty("schema").GetString());
        Assert.Equal("new", document.GetProperty("state").GetString());
        Assert.True(document.GetProperty("memory").GetProperty("fits").GetBoolean());
        Assert.False(Directory.Exists(At("run")));
        var plain = Train(Config(), "--dry-run", "--seeds", "3", "--quiet");
        Assert.Contains("seeds        1337, 1338, 1339", plain.Output);
        Assert.Contains("first pass   loss ", plain.Output);
        Assert.Equal(2, Train(Config(), "--dry-run", "--data", At("nowhere")).ExitCode);
        Assert.False(Directory.Exists(At("run")));
    }
}
