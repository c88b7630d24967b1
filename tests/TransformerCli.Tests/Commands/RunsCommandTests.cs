using Transformers.Runs;

namespace TransformerCli.Tests.Commands;

/// <summary><c>runs</c>: the runs in a folder.</summary>
[Collection("engine")]
public sealed class RunsCommandTests(RunsCommandTests.Trained runs) : IClassFixture<RunsCommandTests.Trained>
{
    public sealed class Trained : TrainedRuns
    {
        public Trained()
        {
            var config = Write("gpt.yaml", """
                data: { kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes }, holdout: 0.1 }
                model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 32 }
                training: { steps: 6, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, validate: { every: 2 }, sample: { tokens: 0 } }
                """);
            foreach (var (name, steps) in (ReadOnlySpan<(string, string)>)[("whole", "6"), ("deep/stopped", "4")])
                if (CommandLine.Run("train", config, "--run", At($"all/{name}"), "--max-steps", steps, "--device", "cpu", "--quiet") is { ExitCode: not 0 } failed)
                    throw new InvalidOperationException(failed.Error);
            Directory.CreateDirectory(At("all/no-run"));
        }
    }

    List<JsonElement> List() => [.. JsonDocument.Parse(CommandLine.Run("runs", runs.At("all"), "--json").Output).RootElement.GetProperty("runs").EnumerateArray()];

    [Fact]
    public void Runs_at_any_depth_are_listed_with_their_state_and_losses()
    {
        var list = List();
        Assert.Equal([runs.At("all/deep/stopped"), runs.At("all/whole")], list.Select(run => run.GetProperty("run").GetString()));
        Assert.Equal(["stopped", "finished"], list.Select(run => run.GetProperty("state").GetString()));
        Assert.Equal([4, 6], list.Select(run => run.GetProperty("step").GetInt64()));
        var result = JsonDocument.Parse(File.ReadAllText(runs.At("all/whole/result.json"))).RootElement;
        Assert.Equal(result.GetProperty("val_loss").GetDouble(), list[1].GetProperty("val_loss").GetDouble());
        Assert.Equal(result.GetProperty("best").GetProperty("step").GetInt64(), list[1].GetProperty("best").GetProperty("step").GetInt64());
        Assert.Equal(result.GetProperty("best").GetProperty("val_loss").GetDouble(), list[1].GetProperty("best").GetProperty("val_loss").GetDouble());

        var lines = CommandLine.Run("runs", runs.At("all")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches(@"^run +model +state +step +val_loss +best +at step +changed$", lines[0]);
        Assert.Matches(@"/stopped +gpt +stopped +4/6 +\d\.\d{4} +\d\.\d{4} +\d +20\d\d-", lines[1]);
        Assert.Equal(3, lines.Length);
    }

    [Fact]
    public void A_run_that_a_process_trains_is_running_until_it_lets_go()
    {
        using (RunLock.Take(runs.At("all/deep/stopped"))) Assert.Equal("running", List()[0].GetProperty("state").GetString());
        Assert.Equal("stopped", List()[0].GetProperty("state").GetString());
    }

    [Fact]
    public void A_folder_without_runs_and_a_run_that_cannot_be_read_are_reported()
    {
        Assert.Contains("contains no runs", CommandLine.Run("runs", runs.At("all/no-run")).Error);
        Assert.Contains("the folder does not exist", CommandLine.Refused("runs", runs.At("nowhere")));
        Directory.CreateDirectory(runs.At("damaged/one/checkpoints"));
        runs.Write("damaged/one/config.yaml", "model: 3");
        var (code, output, error) = CommandLine.Run("runs", runs.At("damaged"));
        Assert.Equal((0, ""), (code, output));
        Assert.Contains("warning: ", error);
        Assert.Contains("damaged/one/config.yaml", error);
    }
}
