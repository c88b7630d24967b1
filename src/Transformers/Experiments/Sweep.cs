using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.Kinds;
using Transformers.Reports.Plots;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Experiments;

/// <summary>The options of a sweep.</summary>
public sealed record SweepOptions
{
    /// <summary>The result by which points are compared; if null, the accuracy of a classifier, else the validation loss.</summary>
    public string? Metric { get; init; }
    /// <summary>A split on which the best checkpoint of each finished run is also evaluated; the metric is then computed there.</summary>
    public string? Split { get; init; }
    /// <summary>The options of every run; the folder is not used, and the time limit applies to all runs together.</summary>
    public required TrainingOptions Training { get; init; }
}

/// <summary>Trains a grid of runs one after the other, each in its own folder, and resumes where it was stopped.</summary>
/// <remarks>A run that has finished is not trained again, and one that was stopped continues from its newest checkpoint.</remarks>
public sealed class Sweep
{
    /// <summary>The result, the table and the figure, in the sweep's folder.</summary>
    public const string ResultFile = "sweep.json", TableFile = "sweep.csv", FigureFile = "sweep.svg", PictureFile = "sweep.png";

    /// <summary>The reason why a run diverged, in its folder; without it, the run would be tried again.</summary>
    internal const string DivergedFile = "diverged.json";

    static readonly string[] Accuracies = ["top1", "accuracy"];

    readonly SweepPlan plan;
    readonly SweepOptions options;
    readonly ITrainingObserver observer;
    readonly StopRequest stop;
    readonly Dictionary<string, SweepRun> done = [];
    readonly HashSet<string> warned = [];
    string? metric;

    Sweep(SweepPlan plan, SweepOptions options, ITrainingObserver observer, StopRequest stop) =>
        (this.plan, this.options, this.observer, this.stop, metric) = (plan, options, observer, stop, options.Metric);

    /// <summary>Trains the remaining runs of a grid; writes the result, the table and the figure to its folder after every run.</summary>
    /// <param name="plan">The grid.</param>
    /// <param name="observer">Observes the runs one after the other.</param>
    /// <param name="stop">Asks all of them to end.</param>
    /// <exception cref="UserException">A run's config is refused, the folder has another sweep's runs, or the metric does not exist.</exception>
    public static SweepResult Start(SweepPlan plan, SweepOptions options, ITrainingObserver observer, StopRequest stop)
    {
        foreach (var point in plan.Points) CheckSame(point, options);
        if (Directory.Exists(Path.Combine(plan.Output, RunFolder.CheckpointsFolder)))
            throw new UserException([new Problem("the folder contains a single run, but a sweep needs one for several runs", plan.Output, Hint: "name another folder with --output")]);
        if (options.Split is { } split)
            foreach (var point in plan.Points) Kind.For(point.Config.Model).CheckSplit(point.Config, split);
        foreach (var warning in plan.Factors.Select(factor => factor.Warning).OfType<string>()) observer.Warn(warning);
        var sweep = new Sweep(plan, options, observer, stop);
        try
        {
            sweep.CheckLimits();
            sweep.Run();
        }
        catch (OperationCanceledException) when (stop.Reason is { } reason)
        {
            observer.Note($"stopped while the data were being prepared ({reason}); the same command continues");
        }
        return sweep.Write();
    }

    // Reading the data first reveals a limit that is too high before the first run, and not after hours of smaller ones.
    void CheckLimits()
    {
        var open = plan.Points.Where(point => point.Config.Data.Limit is not null && !File.Exists(Path.Combine(point.Folder, "result.json"))).ToList();
        foreach (var same in open.GroupBy(point => ConfigWriter.ToYaml(point.Config with { Data = point.Config.Data with { Limit = null }, Seed = 0, Model = plan.Points[0].Config.Model })))
            if (same.MaxBy(point => point.Config.Data.Limit) is { } largest && largest != plan.Points[0])
            {
                var config = Kind.For(largest.Config.Model).Resolve(largest.Config, options.Training with { Run = largest.Folder });
                Kind.For(config.Model).CreateTask(config, options.Training with { Run = largest.Folder }, DataProfile.Silent, stop).Dispose();
            }
    }

    void Run()
    {
        var clock = Stopwatch.StartNew();
        foreach (var (number, point) in plan.Points.Index())
        {
            if (options.Training.MaxTime <= clock.Elapsed) stop.Ask("max_time");
            if (stop.Reason is not null) return;
            observer.Note($"run {number + 1} of {plan.Points.Count} ({point}): {point.Folder}");
            if (RunOf(point, clock) is not { } run) return;
            done[point.Folder] = run;
            metric ??= DefaultMetric(run);
            if (run.State == SweepRun.Finished && !run.Results.ContainsKey(metric))
                throw new UserException([new Problem($"({metric}) is not a result of {point.Folder}", Path: "--metric", Hint: $"the results are {string.Join(", ", run.Results.Keys)}")]);
            Write();
        }
    }

    static string DefaultMetric(SweepRun run) => Accuracies.FirstOrDefault(run.Results.ContainsKey) ?? (run.Results.ContainsKey("val_loss") ? "val_loss" : run.Results.ContainsKey("loss") ? "loss" : "train_loss");

    // Null if it was stopped before it finished.
    SweepRun? RunOf(SweepPoint point, Stopwatch clock)
    {
        var file = Path.Combine(point.Folder, DivergedFile);
        if (File.Exists(file))
        {
            observer.Note($"diverged earlier; delete {file} to try it again");
            return SweepRun.Of(point, SweepRun.Diverged);
        }
        try
        {
            var result = TrainingRun.Start(point.Config, options.Training with { Run = point.Folder, MaxTime = options.Training.MaxTime - clock.Elapsed, BeforeSteps = CheckMetric }, new OneOfSeveralRuns(observer, warned), stop);
            if (result.Stopped is not (null or TrainResult.Patience)) return null;
            return SweepRun.Of(point, SweepRun.Finished) with
            {
                Steps = result.Steps, Seconds = result.Seconds, Parameters = result.Parameters,
                Results = options.Split is { } split ? Evaluate(point, result, split) : SeedsResult.Numbers(result),
            };
        }
        catch (DivergedException exception)
        {
            observer.Warn($"{point}: {exception.Message}");
            DurableFile.WriteText(file, JsonSerializer.Serialize(new { exception.Message }, JsonStyle.Indented) + "\n");
            return SweepRun.Of(point, SweepRun.Diverged);
        }
    }

    // Checked before hours of training; the metrics of another split are known only once a run has been evaluated on it.
    void CheckMetric(TrainingTask task)
    {
        if (options is not { Metric: { } asked, Split: null }) return;
        List<string> names = ["train_loss", .. task.HasValidation ? ["val_loss", "best.val_loss", .. task.MetricNames] : Array.Empty<string>()];
        if (!names.Contains(asked)) throw new UserException([new Problem($"({asked}) is not a result of these runs", Path: "--metric", Hint: $"the results are {string.Join(", ", names)}")]);
    }

    IReadOnlyDictionary<string, double> Evaluate(SweepPoint point, TrainResult result, string split)
    {
        var file = Path.Combine(point.Folder, $"evaluation-{split}.json");
        var run = TrainedRun.Open(point.Folder);
        if (SweepEvaluation.Read(file) is { } before && before.Checkpoint == run.Checkpoint.Step && before.Steps == result.Steps) return before.Metrics;
        var evaluation = Kind.For(run).Evaluate(run, point.Folder, new EvaluationOptions
        {
            Split = split, Device = options.Training.Device, Cache = options.Training.Cache,
            Precision = Layers.Precisions.Resolve(run.Config.Training.Precision, options.Training.Device),
        }, stop.Token);
        DurableFile.WriteText(file, JsonSerializer.Serialize(new SweepEvaluation(evaluation.Split, evaluation.Checkpoint, result.Steps, evaluation.Examples, evaluation.Metrics), JsonStyle.Indented) + "\n");
        return evaluation.Metrics;
    }

    SweepResult Write()
    {
        var result = SweepResult.Of(plan, options, metric, [.. plan.Points.Select(point => done.GetValueOrDefault(point.Folder) ?? SweepRun.Of(point, SweepRun.Pending))],
            done.Count == plan.Points.Count ? null : stop.Reason);
        DurableFile.WriteAsked(Path.Combine(plan.Output, ResultFile), JsonSerializer.Serialize(result, JsonStyle.Indented) + "\n");
        DurableFile.WriteAsked(Path.Combine(plan.Output, TableFile), result.ToCsv());
        // The runs are worth more than their figure.
        Showing.Try("the figure", observer, stop, () =>
        {
            if (SweepFigure.Of(plan, result)?.Draw() is not { } figure) return;
            PlotFile.Save(figure, Path.Combine(plan.Output, FigureFile));
            PlotFile.Save(figure, Path.Combine(plan.Output, PictureFile));
        });
        return result;
    }

    // A folder keeps the runs of one sweep: values and seeds may be added, but the config may not change.
    static void CheckSame(SweepPoint point, SweepOptions options)
    {
        var file = Path.Combine(point.Folder, "config.yaml");
        if (!File.Exists(file)) return;
        var before = ConfigFile.Load<RunConfig>([file]);
        var now = Kind.For(point.Config.Model).Resolve(point.Config, options.Training with { Run = point.Folder });
        if (ConfigDifferences.Of(before, now) is [var first, ..])
            throw new UserException([new Problem($"contains a run of a different config: {first.Path} is {first.Old ?? "not set"} there and {first.New ?? "not set"} here", point.Folder, Hint: "name another folder with --output")]);
    }

    sealed record SweepEvaluation(string Split, long Checkpoint, long Steps, long Examples, IReadOnlyDictionary<string, double> Metrics)
    {
        const int MostBytes = 1 << 20;

        // An evaluation that cannot be read is repeated.
        internal static SweepEvaluation? Read(string file)
        {
            try
            {
                return File.Exists(file) ? JsonSerializer.Deserialize<SweepEvaluation>(BoundedFile.ReadBytes(file, MostBytes), JsonStyle.Options) : null;
            }
            catch (Exception exception) when (exception is JsonException or UserException)
            {
                return null;
            }
        }
    }
}
