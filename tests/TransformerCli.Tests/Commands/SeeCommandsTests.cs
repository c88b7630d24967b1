namespace TransformerCli.Tests.Commands;

/// <summary>inspect, plot and report through their command lines.</summary>
[Collection("engine")]
public sealed class SeeCommandsTests : FolderTest
{
    [Fact]
    public void A_trained_run_is_plotted_inspected_and_reported()
    {
        Write("tiny.yaml", """
            data: { kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 2, heads: 2, width: 16, context: 16 }
            training:
              steps: 4
              batch: { sequences: 2 }
              optimizer: { kind: adamw, lr: 1.0e-3 }
              log: { every: 2 }
              sample: { tokens: 3 }
            """);
        var run = At("run");
        Assert.Matches(@"tokens/s  mfu [0-9]+ ?%", CommandLine.Done("train", At("tiny.yaml"), "--run", run, "--device", "cpu").Error);
        foreach (var (kind, more) in new (string, string[])[]
        {
            ("loss", []), ("schedule", []), ("positions", ["--positions", "8"]), ("attention", ["--text", "Once"]), ("embeddings", []), ("embeddings", ["--text", "abc"]),
        })
        {
            Assert.Equal(At("plot.svg"), CommandLine.Done(["plot", kind, run, "--output", At("plot.svg"), .. more]).Output.Trim());
            Assert.StartsWith("<svg", File.ReadAllText(At("plot.svg")));
            File.Delete(At("plot.svg"));
        }
        foreach (var source in new[] { run, At("tiny.yaml") })
        {
            var inspected = CommandLine.Done("inspect", source, "--json");
            Assert.Equal("transformer.inspect/1", inspected.Json.GetProperty("schema").GetString());
            Assert.Equal(32, inspected.Json.GetProperty("inspection").GetProperty("training").GetProperty("units_per_step").GetInt64());
            Assert.True(inspected.Json.GetProperty("inspection").GetProperty("measured").GetProperty("step_seconds").GetDouble() > 0);
        }
        var printed = CommandLine.Run("inspect", run, "--devices", "3").Output;
        Assert.Contains("measured step", printed);
        Assert.Contains("on 3 devices", printed);
        var unmeasured = CommandLine.Run("inspect", run, "--no-measure").Output;
        Assert.Contains("gradients", unmeasured);
        Assert.DoesNotContain("measured", unmeasured);
        Assert.True(File.Exists(Path.Combine(run, "report.html")));
        Assert.Contains("transformer.report/1", CommandLine.Done("report", run, run, "--output", At("both.html"), "--json").Output);
        Assert.Contains("Comparison of run, run", File.ReadAllText(At("both.html")));
    }

    [Theory]
    [InlineData("gpt-stories")]
    [InlineData("translation-grammar")]
    [InlineData("vit-cifar10")]
    public void A_config_says_all_that_the_picture_of_its_positions_needs(string config)
    {
        CommandLine.Done("plot", "positions", config, "--output", At($"{config}.svg"));
        Assert.Contains("</svg>", File.ReadAllText(At($"{config}.svg")));
    }

    [Theory]
    [InlineData("plot", "loss", "nowhere")]
    [InlineData("plot", "loss", "nowhere", "--output", "a.gif")]
    [InlineData("plot", "schedule", "gpt2-small")]
    [InlineData("plot", "positions", "gpt2-small")]
    [InlineData("plot", "confusion", "nowhere.json")]
    [InlineData("plot", "surprise", "nowhere")]
    [InlineData("inspect", "nowhere.yaml")]
    [InlineData("inspect", "copy", "--devices", "0")]
    [InlineData("inspect", "copy", "--devices", "2", "--no-measure")]
    [InlineData("inspect", "vit-b16", "--data", ".")]
    [InlineData("plot", "patches", "nowhere")]
    [InlineData("plot", "positions", "swin-t")]
    [InlineData("report", "nowhere")]
    public void What_cannot_be_shown_is_exit_code_2_with_a_message(params string[] arguments) =>
        Assert.StartsWith("error: ", CommandLine.Run(arguments).Exits(2).Error);
}
