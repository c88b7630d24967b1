namespace TransformerCli.Tests.Commands;

/// <summary>The program's main job through its command line, at a size of seconds.</summary>
[Collection("engine")]
public sealed class TrainAndGenerateTests : FolderTest
{
    string Config(string source = "{ generator: stories, size: 60kB }") => Write("tiny.yaml", $$"""
        data:
          kind: text
          source: {{source}}
          tokenizer: { kind: bpe, vocabulary: 300 }
        model: { kind: gpt, layers: 1, heads: 2, width: 32, context: 32 }
        training:
          steps: 8
          batch: { sequences: 4 }
          optimizer: { kind: adamw, lr: 1.0e-3 }
          validate: { every: 4 }
          sample: { tokens: 5 }
        """);

    [Fact]
    public void Every_event_of_a_run_is_a_json_line_of_its_log_and_of_the_log_file()
    {
        var log = At("log.jsonl");
        Assert.Equal(0, Train("--log-file", log, "--set", "training.log.every=4").ExitCode);
        var events = File.ReadLines(At("run", "log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        foreach (var template in new[] { "step {Step} of {Steps}: ", "validation at step {Step}: ", "sample at step {Step}: ", "saved step {Step} to " })
            Assert.Contains(events, one => one.GetProperty("@mt").GetString()!.StartsWith(template, StringComparison.Ordinal));
        var step = events.First(one => one.TryGetProperty("LearningRate", out _));
        Assert.Equal((4, 8, true), (step.GetProperty("Step").GetInt64(), step.GetProperty("Steps").GetInt64(), step.GetProperty("Loss").GetDouble() > 0));
        Assert.True(events.First(one => one.TryGetProperty("Metrics", out _)).GetProperty("Metrics").TryGetProperty("perplexity", out _));
        // The log file also has the command and its exit code.
        Assert.True(File.ReadLines(log).Count() >= events.Count + 2);
        Assert.Contains("exit code 0", File.ReadLines(log).Last());
    }

    Outcome Train(params string[] more) => CommandLine.Run(["train", Config(), "--run", At("run"), "--device", "cpu", .. more]);

    [Fact]
    public void Train_prints_one_json_document_and_generate_continues_a_prompt_from_the_run()
    {
        var trained = Train("--json").Done();
        Assert.Equal("transformer.train/1", trained.Json.GetProperty("schema").GetString());
        Assert.Equal(8, trained.Json.GetProperty("steps").GetInt64());
        Assert.DoesNotContain('\u001b', trained.Error);
        Assert.Contains("val_loss", trained.Error);

        var run = At("run");
        var generated = CommandLine.Done("generate", run, "--prompt", "Once", "--max-new-tokens", "6", "--seed", "3", "--json");
        using var completions = JsonDocument.Parse(generated.Output);
        var completion = completions.RootElement.GetProperty("completions")[0];
        Assert.Equal("Once", completion.GetProperty("prompt").GetString());
        Assert.InRange(completion.GetProperty("ids").GetArrayLength(), 0, 6);
        Assert.Contains("using step 8, the checkpoint with the best validation (loss ", generated.Error);
        foreach (var said in new[] { CommandLine.Run("eval", run), CommandLine.Run("eval", run, "--quiet") })
            Assert.DoesNotContain("using step", said.Output);
        Assert.DoesNotContain("using step", CommandLine.Run("eval", run, "--checkpoint", "latest").Error);

        var plain = CommandLine.Run("generate", run, "--prompt", "Once", "--max-new-tokens", "6", "--seed", "3");
        Assert.Equal("Once" + completion.GetProperty("text").GetString(), plain.Output.TrimEnd('\n', '\r'));
        Assert.Equal(plain.Output, CommandLine.Run("generate", run, "--prompt", "Once", "--max-new-tokens", "6", "--seed", "3", "--stream").Output);
        var lines = CommandLine.Run("generate", run, "--input", Write("prompts.txt", "Once\nThe\n"), "--max-new-tokens", "3", "--json");
        Assert.Equal(2, lines.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Eval_gives_the_loss_that_training_ended_with_and_reads_other_text()
    {
        using var trained = JsonDocument.Parse(Train("--json", "--precision", "fp32").Output);
        var run = At("run");
        var evaluated = CommandLine.Done("eval", run, "--checkpoint", "latest", "--json");
        var metrics = evaluated.Json.GetProperty("metrics");
        Assert.Equal(trained.RootElement.GetProperty("val_loss").GetDouble(), metrics.GetProperty("loss").GetDouble(), 1e-5);
        Assert.Equal("transformer.eval/1", evaluated.Json.GetProperty("schema").GetString());
        var other = CommandLine.Run("eval", run, "--data", Write("other.txt", string.Concat(Enumerable.Repeat("quite another text. ", 50))), "--expect", "perplexity<=1").Exits(3);
        Assert.Contains("data:", other.Output);
        Assert.Contains("--split (validaton)", CommandLine.Run("eval", run, "--split", "validaton").Exits(2).Error);
    }

    [Fact]
    public void An_expectation_that_does_not_hold_is_exit_code_3_and_one_that_does_is_0()
    {
        Assert.Contains("val_loss <= 0.01", Train("--expect", "val_loss<=0.01", "--quiet").Exits(3).Error);
        Assert.Equal(0, Train("--expect", "val_loss<=10").ExitCode);
        Assert.Contains("no result named vall_loss", Train("--expect", "vall_loss<=10").Exits(2).Error);
    }

    [Theory]
    [InlineData("missing.txt", null, "the file or folder does not exist")]
    [InlineData("empty.txt", "", "is empty")]
    [InlineData("short.txt", "too short to train on", "context of 32")]
    public void Text_that_cannot_be_trained_on_is_reported_at_the_setting_that_names_it(string name, string? content, string what)
    {
        var text = At(name);
        if (content is not null) File.WriteAllText(text, content);
        var config = Write("bad.yaml", File.ReadAllText(Config($"{{ files: [\"{text}\"] }}")).Replace("kind: bpe, vocabulary: 300", "kind: bytes"));
        var outcome = CommandLine.Run("train", config, "--run", At("bad"), "--device", "cpu").Exits(2);
        Assert.Contains($"{config}:3:", outcome.Error);
        Assert.Contains("data.source", outcome.Error);
        Assert.Contains(what, outcome.Error);
    }

    [Theory]
    [InlineData("cuda:-1")]
    [InlineData("cuda:+1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:")]
    public void A_device_is_numbered_by_digits_alone(string device) =>
        Assert.Contains("must be auto, cpu, cuda or cuda:N", CommandLine.Run("train", Config(), "--run", At("wrong"), "--device", device).Exits(2).Error);

    [Theory]
    [InlineData("--device", "gpu")]
    [InlineData("--device", "cuda:99")]
    [InlineData("--max-time", "soon")]
    [InlineData("--resume=elsewhere")]
    [InlineData("--expect", "val_loss")]
    [InlineData("--expect", "val_loss<=1.2.3")]
    [InlineData("--expect", "val_loss<=.")]
    [InlineData("--set", "model.width=33")]
    [InlineData("--data", "nowhere.txt")]
    public void Wrong_options_are_exit_code_2_with_a_message(params string[] options) =>
        Assert.StartsWith("error: ", CommandLine.Run(["train", Config(), "--run", At("wrong"), .. options]).Exits(2).Error);

    [Fact]
    public void With_json_an_error_is_one_document_on_standard_output()
    {
        var outcome = CommandLine.Run("generate", At("nowhere"), "--json").Exits(2);
        Assert.Equal("transformer.error/1", outcome.Json.GetProperty("schema").GetString());
        Assert.Equal(2, outcome.Json.GetProperty("exit_code").GetInt32());
        Assert.Contains("nowhere", outcome.Json.GetProperty("errors")[0].GetProperty("file").GetString());
    }

    [Fact]
    public void A_prompt_that_starts_with_an_at_sign_is_a_prompt()
    {
        Assert.Equal(0, Train("--quiet").ExitCode);
        Assert.StartsWith("@home", CommandLine.Run("generate", At("run"), "--prompt", "@home", "--max-new-tokens", "2").Output);
    }

    [Fact]
    public void Doctor_says_what_is_in_use()
    {
        var outcome = CommandLine.Done("doctor", "--json");
        Assert.Equal("transformer.doctor/1", outcome.Json.GetProperty("schema").GetString());
        Assert.Matches("^[0-9]+\\.[0-9]+", outcome.Json.GetProperty("libtorch").GetString());
        Assert.True(outcome.Json.GetProperty("threads").GetInt32() > 0);
    }

    [SharedDataFact("tinyshakespeare/input.txt")]
    public void The_shakespeare_config_reads_nanogpts_split()
    {
        var outcome = CommandLine.Run("train", "shakespeare-char", "--data", Repository.SharedData("tinyshakespeare", "input.txt"),
            "--run", At("shakespeare"), "--set", "training.steps=2", "--set", "training.validate.batches=1", "--set", "training.sample.tokens=0", "--set", "training.schedule.warmup=1").Done();
        Assert.Contains("1,003,854 training and 111,540 validation tokens, vocabulary 65", outcome.Error);
        Assert.Contains("at step 2 (over 1 batch; val_loss is over the whole split)", outcome.Output);
    }
}
