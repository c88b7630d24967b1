namespace TransformerCli.Tests.Commands;

[Collection("engine")]
public sealed class SweepCommandTests : FolderTest
{
    string Config(int steps = 4)
    {
        Write("digits.yaml", $$"""
            data:
              kind: images
              source: { generator: digits, count: 300, side: 12 }
              input: { size: 12, channels: 1 }
              holdout: { count: 40 }
              threads: 1
            model: { kind: vit, patch: 4, layers: 1, heads: 2, width: 16 }
            training:
              steps: {{steps}}
              batch: { sequences: 16 }
              optimizer: { kind: adamw, lr: 2.0e-3 }
              precision: fp32
              validate: { every: 1000 }
              checkpoint: { every: 20, best: false }
            """);
        Write("resnet.yaml", "model: { kind: resnet, width: 4, layers: [1, 1] }\n");
        Write("vit.yaml", "model: { width: 8 }\n");
        return At("digits.yaml");
    }

    string[] Sweep(string config, params string[] more) =>
        ["sweep", config, "--vary", "data.limit=40,80,160", "--vary", $"model={At("vit.yaml")},{At("resnet.yaml")}", "--output", At("sweep"), "--device", "cpu", "--threads", "1", .. more];

    [Trait("Category", "slow")]
    [Fact]
    public void A_sweep_prints_a_table_fits_and_where_they_cross_and_as_json_one_document()
    {
        var outcome = CommandLine.Done(Sweep(Config(), "--seeds", "2", "--quiet"));
        var lines = outcome.Output.Split('\n').Select(line => line.TrimEnd()).ToList();
        Assert.StartsWith("runs         12 of 12 finished in", lines[0]);
        Assert.Equal(["data.limit", "model", "runs", "top1", "deviation", "seconds"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["40", "vit", "2"], lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..3]);

        // Everything is there already: only the document is written.
        outcome = CommandLine.Run(Sweep(Config(), "--seeds", "2", "--json"));
        using var document = JsonDocument.Parse(outcome.Output);
        Assert.Equal("transformer.sweep/1", document.RootElement.GetProperty("schema").GetString());
        Assert.Equal(12, document.RootElement.GetProperty("runs").GetArrayLength());
        Assert.Equal(6, document.RootElement.GetProperty("means").GetArrayLength());
        foreach (var file in new[] { "sweep.json", "sweep.csv", "sweep.svg", "sweep.png", "log.jsonl" }) Assert.True(File.Exists(Path.Combine(At("sweep"), file)), file);
    }

    [Fact]
    public void A_line_that_is_no_sweep_is_refused()
    {
        var config = Config();
        Assert.Contains("--vary", CommandLine.Refused("sweep", config));
        Assert.Contains("(data.limit=) has an empty value", CommandLine.Refused("sweep", config, "--vary", "data.limit="));
        Assert.Contains("data.limt is not a setting of kind images (did you mean limit?)", CommandLine.Refused("sweep", config, "--vary", "data.limt=1,2"));
        Assert.Contains("--vary: data.limit (0) must be at least 1", CommandLine.Refused("sweep", config, "--vary", "data.limit=1,0"));
        Assert.Contains("--vary: (data.limit=1,000) has the value 000, which starts with 0 (commas separate values", CommandLine.Refused("sweep", config, "--vary", "data.limit=1,000"));
        Assert.Contains("has the value 001, which starts with 0", CommandLine.Refused("sweep", config, "--vary", "training.optimizer.lr=0,001"));
        Assert.Contains("has the value 500 twice (give each value once; commas separate values", CommandLine.Refused("sweep", config, "--vary", "data.limit=1,500,2,500"));
        Assert.Contains("--split (tets) must be train, validation or test", CommandLine.Refused(Sweep(config, "--split", "tets")));
        Assert.False(Directory.Exists(At("sweep")));
        Assert.Contains("--seeds (0) must be at least 1", CommandLine.Refused("sweep", config, "--vary", "data.limit=40,80", "--seeds", "0"));
        Assert.Contains("--max-time (soon) must be a duration", CommandLine.Refused("sweep", config, "--vary", "data.limit=40,80", "--max-time", "soon"));
        Assert.Contains("--metric: (bleu) is not a result", CommandLine.Run(Sweep(config, "--metric", "bleu", "--quiet")).Error);
    }

    [Fact]
    [Trait("Category", "slow")]
    public void Killed_and_continued_it_runs_nothing_twice()
    {
        var config = Config(steps: 60);
        // Without a signal that it could answer: as by the system when memory is short.
        var killed = 0;
        while (true)
        {
            using var program = new ProgramProcess(Folder, Sweep(config));
            program.WaitForError(killed < 3 ? $"run {2 + killed} of 6" : "run 6 of 6");
            if (killed++ == 3)
            {
                Assert.Equal(0, program.End().ExitCode);
                break;
            }
            program.Signal("KILL");
            program.End();
        }
        var folders = Directory.EnumerateDirectories(At("sweep")).ToList();
        Assert.Equal(6, folders.Count);
        foreach (var folder in folders)
        {
            var trained = File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
                .Where(one => one.GetProperty("split").GetString() == "train").Select(one => one.GetProperty("step").GetInt64()).ToList();
            Assert.Equal([10L, 20, 30, 40, 50, 60], trained);
        }
        // As if it had never been killed; in a process of its own too, since convolutions round by the number of threads.
        Assert.Equal(0, ProgramProcess.Run(Folder, [.. Sweep(config, "--quiet").Select(word => word == At("sweep") ? At("whole") : word)]).ExitCode);
        var (whole, parts) = (JsonDocument.Parse(File.ReadAllText(At("whole/sweep.json"))), JsonDocument.Parse(File.ReadAllText(At("sweep/sweep.json"))));
        Assert.Equal(Results(whole), Results(parts));

        static List<double> Results(JsonDocument sweep) => [.. sweep.RootElement.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("results").GetProperty("val_loss").GetDouble())];
    }

    [Fact]
    public void The_cost_of_attention_is_drawn_printed_and_listed()
    {
        var outcome = CommandLine.Done("plot", "cost", "--sides", "16,32,64", "--most", "100MB", "--output", At("cost.svg"), "--json", "--device", "cpu");
        var points = outcome.Json.GetProperty("points").EnumerateArray().ToList();
        Assert.Equal(9, points.Count);
        Assert.Equal(65_536, points[0].GetProperty("weights").GetDouble());
        Assert.Contains("side in pixels", File.ReadAllText(At("cost.svg")));
        Assert.Contains("windows", CommandLine.Run("plot", "cost", "--no-measure", "--output", At("cost.png"), "--device", "cpu").Output);
        Assert.Contains("--sides (16,x) must be whole numbers", CommandLine.Refused("plot", "cost", "--sides", "16,x"));
        Assert.Contains("--most (much) must be a size", CommandLine.Refused("plot", "cost", "--most", "much"));
        Assert.Contains("must end in .svg or .png", CommandLine.Refused("plot", "cost", "--output", At("cost.gif")));
    }
}
