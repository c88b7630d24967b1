namespace TransformerCli.Tests.Commands;

/// <summary>One file of pairs or of labelled texts is enough to train, to hold out and to evaluate; one bad line among many neither stops the others nor hides.</summary>
[Collection("engine")]
public sealed class OneFileOfDataTests : FolderTest
{
    const string Learning = "training: { steps: 3, batch: { sequences: 8 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }";

    string Pairs() => Write("all.tsv", string.Concat(Enumerable.Range(1, 120).Select(i => $"{i} + 2\t{i + 2}\n")));

    Outcome TrainPairs(params string[] more) => CommandLine.Run(["train", Write("pairs.yaml", $$"""
        data: { kind: parallel, source: { folder: none, from: a, to: b }, tokenizer: { kind: characters } }
        model: { kind: seq2seq, layers: 1, heads: 2, width: 16, context: 24 }
        {{Learning}}
        """), "--run", At("sums"), .. more.Contains("--data") ? [] : new[] { "--data", Pairs() }, .. more]);

    [Fact]
    public void A_file_of_pairs_is_trained_on_held_out_from_and_evaluated_past_a_bad_line()
    {
        Assert.Contains("108 training and 12 validation pairs", TrainPairs("--set", "data.holdout=0.1", "--expect", "bleu>=0").Done().Error);

        var run = At("sums");
        Assert.Equal(12, CommandLine.Run("eval", run, "--json").Json.GetProperty("examples").GetInt32());
        var other = CommandLine.Run("eval", run, "--data", Write("test.tsv", "1 + 2\t3\n5 - 3\t2\n4 + 2\t6\n"), "--json");
        var result = other.Json;
        Assert.Equal(2, result.GetProperty("examples").GetInt32());
        Assert.Contains("example 2: character '-'", result.GetProperty("broken")[0].GetString());

        var lines = CommandLine.Run("generate", run, "--input", Write("lines.txt", "1 + 2\n5 - 3\n\n4 + 2\n"), "--beams", "2", "--num", "2", "--precision", "fp32");
        Assert.Equal(8, lines.Output.Split('\n').Length - 1);
        Assert.Equal(2, lines.ExitCode);
        Assert.Contains("lines.txt:2: character '-'", lines.Error);
        Assert.Contains("1 of 4 lines could not be read", lines.Error);
    }

    [Theory]
    [InlineData("", "contains no pair to train on")]
    [InlineData("1\t\n\t2\n", "contains no pair that fits: 2 pairs read, 0 kept; dropped: 2 too short")]
    [InlineData("1111111111111111111111111\t2\n", "contains no pair that fits: 1 pair read, 0 kept; dropped: 0 too short, 1 source too long, 0 target too long, 0 too different in length (data.max_length (256) and model.context (24) limit the number of tokens)")]
    public void A_file_without_a_pair_to_train_on_is_named_with_the_reason(string text, string reason)
    {
        var pairs = Write("none.tsv", text);
        Assert.Contains($"{pairs}: {reason}", TrainPairs("--data", pairs).Exits(2).Error);
    }

    [Fact]
    public void Without_a_hold_out_there_is_a_warning_and_no_measure_to_expect()
    {
        var refused = TrainPairs("--expect", "bleu>=3").Exits(2);
        Assert.Contains("no result named bleu", refused.Error);
        Assert.DoesNotContain("val_loss", refused.Error.Split("no result named")[1]);
        Assert.DoesNotContain("step 1", refused.Error);
        var warned = TrainPairs();
        Assert.Equal(0, warned.ExitCode);
        Assert.Contains("nothing is held out for validation", warned.Error);
    }

    [Fact]
    public void A_language_model_is_expected_to_measure_what_language_models_do()
    {
        var config = Write("text.yaml", $$"""
            data: { kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: characters } }
            model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 32 }
            {{Learning}}
            """);
        var run = At("text");
        var refused = CommandLine.Run("train", config, "--run", run, "--expect", "bleu>=3").Exits(2);
        Assert.Contains("no result named bleu", refused.Error);
        Assert.Contains("perplexity", refused.Error);
        Assert.False(Directory.Exists(Path.Combine(run, "checkpoints")) && Directory.EnumerateDirectories(Path.Combine(run, "checkpoints")).Any());

        Assert.Equal(0, CommandLine.Run("train", config, "--run", run, "--expect", "bits_per_byte<=100", "--quiet").ExitCode);
        // The same measure is the same number: by default in the run's precision.
        var last = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "result.json"))).RootElement.GetProperty("val_loss").GetDouble();
        Assert.Equal(last, JsonDocument.Parse(CommandLine.Run("eval", run, "--json").Output).RootElement.GetProperty("metrics").GetProperty("loss").GetDouble(), 1e-5);

        var lines = CommandLine.Run("generate", run, "--input", Write("lines.txt", "The\n\u4e2d\nOnce\n"), "--max-new-tokens", "3");
        Assert.Equal(3, lines.Output.Split('\n').Length - 1);
        Assert.Equal("", lines.Output.Split('\n')[1]);
        Assert.Equal(2, lines.ExitCode);
        Assert.Contains("lines.txt:2: character", lines.Error);
    }

    [Fact]
    public void A_file_of_labelled_texts_is_trained_on_held_out_from_and_predicted_past_a_bad_line()
    {
        var all = Write("all.tsv", string.Concat(Enumerable.Range(1, 60).Select(i => $"good {i}\tyes\nbad {i}\tno\n")));
        var run = At("labels");
        var trained = CommandLine.Run("train", Write("labels.yaml", $$"""
            data: { kind: labelled, source: { folder: none }, tokenizer: { kind: characters }, max_length: 32 }
            model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 32, head: { kind: classify } }
            {{Learning}}
            """), "--run", run, "--data", all, "--set", "data.holdout=0.25", "--expect", "accuracy>=0").Done();
        Assert.Contains("90 training and 30 validation texts", trained.Error);
        Assert.Equal(0, CommandLine.Run("eval", run, "--data", all, "--json").ExitCode);
        var predicted = CommandLine.Run("predict", run, Write("lines.txt", "good 1\nwell?\nbad 2\n"));
        Assert.Equal((2, 3), (predicted.ExitCode, predicted.Output.Split('\n').Length - 1));
        Assert.Contains("lines.txt:2: character 'w'", predicted.Error);
    }
}
