using Transformers.Experiments;

namespace Transformers.Tests.Experiments;

[Collection("engine")]
public sealed class SweepTests : TinyRunTest
{
    const string Base = """
        data:
          kind: images
          source: { generator: digits, count: 300, side: 12 }
          input: { size: 12, channels: 1 }
          holdout: { count: 40 }
          threads: 1
        model: { kind: vit, patch: 4, layers: 1, heads: 2, width: 16 }
        training:
          steps: 6
          batch: { sequences: 16 }
          optimizer: { kind: adamw, lr: 2.0e-3 }
          precision: fp32
          validate: { every: 100 }
          checkpoint: { every: 2, best: false }
        """;

    readonly StopRequest stop = new();
    readonly Steps steps;

    public SweepTests() => steps = new Steps(stop);

    SweepPlan Plan(string output, int seeds, params string[] vary)
    {
        File.WriteAllText(runs.PathOf("base.yaml"), Base);
        return SweepPlan.Create([runs.PathOf("base.yaml")], [], [.. vary.Select(SweepFactor.Parse)], seeds, runs.PathOf(output));
    }

    SweepResult Start(SweepPlan plan, string? metric = null, string? split = null, StopRequest? request = null) =>
        Sweep.Start(plan, new SweepOptions { Metric = metric, Split = split, Training = runs.OptionsOf("unused") }, steps, request ?? stop);

    [Trait("Category", "slow")]
    [Fact]
    public void A_grid_is_trained_into_one_table_with_means_deviations_fits_and_a_figure()
    {
        var plan = Plan("sweep", 2, "data.limit=20,40,80,160");
        var result = Start(plan);
        Assert.Equal(8 * 6, steps.Count);
        Assert.Equal(("top1", "data.limit", 8), (result.Metric, result.Across, result.Runs.Count(run => run.State == "finished")));
        Assert.Null(result.Stopped);
        foreach (var mean in result.Means)
        {
            double[] values = [.. result.Runs.Where(run => run.Settings["data.limit"] == mean.Settings["data.limit"]).Select(run => run.Results["top1"])];
            Assert.Equal(2, values.Length);
            Assert.Equal((values[0] + values[1]) / 2, mean.Mean, 1e-12);
            Assert.Equal(Math.Abs(values[0] - values[1]) / Math.Sqrt(2), mean.Deviation!.Value, 1e-12);
        }
        // The run is the one that train would have made.
        var alone = runs.Train(plan.Points[3].Config, "alone");
        Assert.Equal(alone.Metrics["top1"], result.Runs[3].Results["top1"]);
        Assert.Equal(runs.Newest("alone", CheckpointFiles.Model), runs.Newest(Path.Combine("sweep", Path.GetFileName(plan.Points[3].Folder)), CheckpointFiles.Model));

        var written = JsonSerializer.Deserialize<SweepResult>(File.ReadAllText(runs.PathOf("sweep/sweep.json")), JsonStyle.Options)!;
        Assert.Equal(JsonSerializer.Serialize(result, JsonStyle.Indented) + "\n", File.ReadAllText(runs.PathOf("sweep/sweep.json")));
        Assert.Equal(result.Means[0].Mean, written.Means[0].Mean);
        var table = File.ReadAllLines(runs.PathOf("sweep/sweep.csv"));
        Assert.Equal(9, table.Length);
        Assert.StartsWith("data.limit,seed,state,steps,seconds,parameters,train_loss,", table[0]);
        Assert.StartsWith("20,1337,finished,6,", table[1]);
        var figure = File.ReadAllText(runs.PathOf("sweep/sweep.svg"));
        Assert.Contains("top1 by data.limit, mean and standard deviation of 2 seeds", figure);
        Assert.Equal(4, figure.Split("<circle").Length - 1 - 1);
    }

    [Trait("Category", "slow")]
    [Fact]
    public void What_a_later_run_would_be_refused_for_is_found_before_the_first_one()
    {
        Assert.Contains("data.limit (9999) must be at most the number of training images (", Assert.Throws<UserException>(() => Start(Plan("sweep", 1, "data.limit=20,40,9999"))).Message);
        Assert.Equal(0, steps.Count);
        var series = runs.Write("series.yaml", """
            data: { kind: series, source: { generator: regimes, count: 2, length: 200 }, context: 48, horizon: 6, validation: 12 }
            model: { kind: patchtst, patch: 8, layers: 1, heads: 2, width: 16 }
            training: { steps: 2, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
            """);
        var plan = SweepPlan.Create([series], [], [SweepFactor.Parse("model.layers=1,2")], 1, runs.PathOf("series-sweep"));
        Assert.Contains("--split (test): the series have no such split", Assert.Throws<UserException>(() => Start(plan, split: "test")).Message);
        Assert.Equal(0, steps.Count);
    }

    [Fact]
    public void A_figure_that_cannot_be_written_is_a_warning_and_the_sweep_continues()
    {
        var plan = Plan("sweep", 1, "data.limit=20,40");
        // A folder where the figure should be.
        Directory.CreateDirectory(Path.Combine(plan.Output, Sweep.FigureFile));
        Assert.Equal(2, Start(plan).Runs.Count(run => run.State == "finished"));
        Assert.Contains(steps.Warnings, warning => warning.StartsWith("the figure could not be made: ", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Category", "slow")]
    public void One_that_is_stopped_trains_nothing_twice_and_ends_as_if_it_had_not_been()
    {
        string[] vary = ["data.limit=40,80,160"];
        Start(Plan("whole", 1, vary));
        var whole = steps.Count;
        Assert.Equal(3 * 6, whole);

        // In the middle of the second run.
        var request = new StopRequest();
        var stopping = new Steps(request) { StopAt = 6 + 4 };
        var plan = Plan("parts", 1, vary);
        var half = Sweep.Start(plan, new SweepOptions { Training = runs.OptionsOf("unused") }, stopping, request);
        Assert.Equal(("sigterm", 10), (half.Stopped, stopping.Count));
        Assert.Equal(["finished", "pending", "pending"], half.Runs.Select(run => run.State));
        var first = File.GetLastWriteTimeUtc(Path.Combine(plan.Points[0].Folder, "result.json"));

        var rest = Start(plan);
        Assert.Equal(whole - 10, steps.Count - whole);
        Assert.Equal(first, File.GetLastWriteTimeUtc(Path.Combine(plan.Points[0].Folder, "result.json")));
        Assert.Null(rest.Stopped);
        for (var i = 0; i < 3; i++)
        {
            var name = Path.GetFileName(plan.Points[i].Folder);
            Assert.Equal(runs.Newest(Path.Combine("whole", name), CheckpointFiles.Model), runs.Newest(Path.Combine("parts", name), CheckpointFiles.Model));
        }
        // Once more, it has nothing to do.
        var before = steps.Count;
        Assert.Equal(JsonSerializer.Serialize(rest.Means), JsonSerializer.Serialize(Start(plan).Means));
        Assert.Equal(before, steps.Count);
    }

    [Fact]
    [Trait("Category", "slow")]
    public void More_values_and_seeds_may_be_added_and_another_config_is_refused()
    {
        Start(Plan("sweep", 1, "data.limit=40,80"));
        var before = steps.Count;
        Assert.Equal(4, Start(Plan("sweep", 2, "data.limit=40,80")).Runs.Count);
        Assert.Equal(2 * 6, steps.Count - before);
        File.WriteAllText(runs.PathOf("other.yaml"), "training: { optimizer: { lr: 1.0 } }");
        var other = SweepPlan.Create([runs.PathOf("base.yaml"), runs.PathOf("other.yaml")], [], [SweepFactor.Parse("data.limit=40,80")], 1, runs.PathOf("sweep"));
        var refused = Assert.Throws<UserException>(() => Start(other)).Message;
        Assert.Contains("training.optimizer.lr is 0.002 there and 1", refused);
        Assert.Contains("--output", refused);
        runs.Train(Plan("single", 1, "data.limit=40,80").Points[0].Config, "single", maxSteps: 1);
        Assert.Contains("contains a single run", Assert.Throws<UserException>(() => Start(Plan("single", 1, "data.limit=40,80"))).Message);
    }

    [Fact]
    public void With_a_split_the_best_checkpoint_is_evaluated_once_and_compared_by_that()
    {
        var plan = Plan("sweep", 1, "data.limit=40,80");
        var result = Start(plan, split: "test");
        Assert.Equal(("top1", "test"), (result.Metric, result.Split));
        var file = Path.Combine(plan.Points[0].Folder, "evaluation-test.json");
        using (var evaluation = JsonDocument.Parse(File.ReadAllText(file)))
        {
            Assert.Equal(50, evaluation.RootElement.GetProperty("examples").GetInt64());
            Assert.Equal(result.Runs[0].Results["top1"], evaluation.RootElement.GetProperty("metrics").GetProperty("top1").GetDouble());
        }
        var before = File.GetLastWriteTimeUtc(file);
        Start(plan, split: "test");
        Assert.Equal(before, File.GetLastWriteTimeUtc(file));
        // A damaged one is made again.
        File.WriteAllText(file, "{");
        Start(plan, split: "test");
        Assert.Contains("metrics", File.ReadAllText(file));
    }

    [Fact]
    public void A_metric_that_the_runs_do_not_have_is_refused_before_the_first_step()
    {
        var message = Assert.Throws<UserException>(() => Start(Plan("sweep", 1, "data.limit=40,80"), metric: "bleu")).Message;
        Assert.Contains("--metric: (bleu) is not a result of these runs", message);
        Assert.Contains("top1", message);
        Assert.Equal(0, steps.Count);
    }

    [Fact]
    public void A_run_that_diverges_is_reported_and_not_tried_again_and_the_others_are_trained()
    {
        var plan = Plan("sweep", 1, "training.optimizer.lr=1e-3,1e30,2e-3");
        var result = Start(plan);
        Assert.Equal(["finished", "diverged", "finished"], result.Runs.Select(run => run.State));
        Assert.Equal(2, result.Means.Count);
        Assert.True(File.Exists(Path.Combine(plan.Points[1].Folder, "diverged.json")));
        var before = steps.Count;
        Assert.Equal(["finished", "diverged", "finished"], Start(plan).Runs.Select(run => run.State));
        Assert.Equal(before, steps.Count);
    }

    [Fact]
    public void A_limit_above_the_data_is_refused_with_what_there_is()
    {
        Assert.Contains("data.limit (211) must be at most the number of training images (210)", Assert.Throws<UserException>(() => Start(Plan("sweep", 1, "data.limit=211,80"))).Message);
        Assert.Equal(0, steps.Count);
    }

    [Fact]
    public void What_the_data_are_warned_of_is_said_once_and_not_for_every_run()
    {
        File.WriteAllText(runs.PathOf("base.yaml"), Base);
        var plan = SweepPlan.Create([runs.PathOf("base.yaml")], ["data.holdout=null", "training.steps=1", "training.log.every=1"], [SweepFactor.Parse("model.width=8,16")], 2, runs.PathOf("unheld"));
        Assert.Equal(4, Start(plan).Runs.Count(run => run.State == "finished"));
        Assert.Single(steps.Warnings, warning => warning.Contains("held out"));
    }

    [Fact]
    public void What_a_run_warns_of_while_it_trains_is_said_for_every_run()
    {
        var (all, warned) = (new Warnings(), new HashSet<string>());
        for (var run = 0; run < 2; run++)
        {
            ITrainingObserver one = new OneOfSeveralRuns(all, warned);
            one.Warn("of the data");
            one.OnStep(1, 2);
            one.Warn("of a step");
        }
        Assert.Equal(["of the data", "of a step", "of a step"], all.All);
    }

    // A law is infinite at 0, so two of them have no difference there.
    [Fact]
    public void Laws_are_compared_above_0_if_the_run_at_0_has_not_finished()
    {
        var result = Made("val_loss", "model.drop.activations=0,0.1,0.2,0.4,0.8", n => 1 + 0.01 / n);
        Assert.Equal((2, 1), (result.Fits.Count, result.Crossings.Count));
    }

    [Theory]
    [InlineData("val_loss", 0)]
    [InlineData("best.val_loss", 0)]
    [InlineData("top1", 1)]
    [InlineData("macro_f1", 1)]
    [InlineData("match_accuracy", 1)]
    [InlineData("accuracy_count", 1)]
    [InlineData("image_recall_5", 1)]
    [InlineData("chrf", 100)]
    public void The_law_of_a_metric_is_that_of_its_error(string metric, int best)
    {
        var result = Made(metric, "data.limit=10,20,40,80", n => Math.Abs(best - (0.1 + 1 / n)));
        Assert.Equal(Enumerable.Repeat(best == 0 ? metric : $"{best} - {metric}", 2), result.Fits.Select(fit => fit.Quantity));
    }

    // Results of runs that have not been trained, in two series; a run at 0 has none.
    SweepResult Made(string metric, string vary, Func<double, double> valueAt)
    {
        var plan = Plan("made", 1, vary, "training.optimizer.lr=1e-3,2e-3");
        return SweepResult.Of(plan, new SweepOptions { Training = runs.OptionsOf("unused") }, metric, [.. plan.Points.Select((point, i) =>
            SweepFactor.NumberOf(point.Settings[plan.Across!.Name]) is > 0 and var n
                ? SweepRun.Of(point, SweepRun.Finished) with { Results = new Dictionary<string, double> { [metric] = valueAt(n * (1 + 0.01 * (i % 3))) } } : SweepRun.Of(point, SweepRun.Pending))], stopped: null);
    }

    [Fact]
    public void A_value_that_could_be_half_of_a_number_is_warned_of_before_the_first_run()
    {
        Assert.Throws<UserException>(() => Start(Plan("half", 1, "data.limit=2,500")));
        Assert.StartsWith("--vary data.limit=2,500 gives two values", steps.Warnings[0]);
        Assert.Equal(0, steps.Count);
    }

    [Fact]
    public void A_sweep_that_is_stopped_while_the_data_are_prepared_has_a_result_with_the_reason()
    {
        var request = new StopRequest();
        var result = Sweep.Start(Plan("early", 1, "data.limit=20,40"), new SweepOptions { Training = runs.OptionsOf("unused") }, new StopAtFirstNote(request), request);
        Assert.Equal(("sigint", 2), (result.Stopped, result.Runs.Count(run => run.State == "pending")));
        Assert.True(File.Exists(runs.PathOf("early/sweep.json")));
    }

    sealed class StopAtFirstNote(StopRequest stop) : ITrainingObserver
    {
        public void Note(string message) => stop.Ask("sigint");
    }

    sealed class Steps(StopRequest stop) : ITrainingObserver
    {
        internal int Count { get; private set; }

        internal int? StopAt { get; init; }

        internal List<string> Warnings { get; } = [];

        public void Warn(string message) => Warnings.Add(message);

        public void OnStep(long step, long steps)
        {
            if (++Count == StopAt) stop.Ask("sigterm");
        }
    }
}
