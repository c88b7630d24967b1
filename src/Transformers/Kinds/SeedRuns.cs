using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>Trains one config with several seeds, one after the other, each in its own folder.</summary>
public static class SeedRuns
{
    /// <summary>The file of the result, in the folder that contains the runs.</summary>
    public const string File = "seeds.json";

    /// <summary>The folder of a seed's run.</summary>
    /// <param name="run">The folder that contains the runs.</param>
    public static string FolderOf(string run, ulong seed) => Path.Combine(run, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}"));

    /// <summary>The seeds of a config's runs: its own and those after it.</summary>
    /// <exception cref="UserException">There are fewer seeds, or fewer than two are requested.</exception>
    public static IReadOnlyList<ulong> SeedsOf(RunConfig config, int count)
    {
        if (count < 2) throw new UserException($"--seeds ({count}) must be at least 2", "leave it out to train one run");
        if (config.Seed > ulong.MaxValue - (ulong)(count - 1)) throw new UserException($"--seeds ({count}) goes beyond the largest seed, {ulong.MaxValue}: the config has seed {config.Seed}", "set a smaller seed");
        return [.. Enumerable.Range(0, count).Select(i => config.Seed + (ulong)i)];
    }

    /// <summary>Trains each seed, resumes it if it stopped, and leaves <see cref="File"/> in the folder.</summary>
    /// <param name="config">The config; its seed is the first.</param>
    /// <param name="options">As for a single run; the time limit applies to all runs together.</param>
    /// <param name="count">The number of seeds, at least 2.</param>
    /// <param name="observer">Observes the runs one after the other.</param>
    /// <param name="stop">Asks all of them to end.</param>
    /// <exception cref="UserException">A run is refused, or the folder contains a single run.</exception>
    /// <exception cref="DivergedException">A run diverged.</exception>
    public static SeedsResult Start(RunConfig config, TrainingOptions options, int count, ITrainingObserver observer, StopRequest stop)
    {
        var seeds = SeedsOf(config, count);
        if (options.ResumeFrom is not null) throw new UserException("--resume=PATH names the checkpoint of one run, but --seeds trains several", "leave --resume out: each seed resumes where it stopped");
        var processes = options.Processes;
        if (processes.IsFirst && Directory.Exists(Path.Combine(options.Run, RunFolder.CheckpointsFolder)))
            throw new UserException([new Problem("the folder contains a single run, but --seeds needs one for several runs", options.Run, Hint: "name another folder with --run")]);
        var clock = Stopwatch.StartNew();
        var results = new List<TrainResult>();
        var warned = new HashSet<string>();
        foreach (var seed in seeds)
        {
            if (options.MaxTime <= clock.Elapsed) stop.Ask("max_time");
            // Either all processes start the next run or none does.
            if (processes.Broadcast(new Turn(stop.Reason)).Stopped is { } asked)
            {
                stop.Agree(asked);
                break;
            }
            var folder = FolderOf(options.Run, seed);
            if (processes.IsFirst) observer.Note($"seed {seed}, {results.Count + 1} of {count}: {folder}");
            try
            {
                results.Add(TrainingRun.Start(config with { Seed = seed }, options with { Run = folder, MaxTime = options.MaxTime - clock.Elapsed }, new OneOfSeveralRuns(observer, warned), stop));
            }
            catch (OperationCanceledException) when (processes.IsAlone && stop.Reason is { } early)
            {
                observer.Note($"stopped before the first step of seed {seed} ({early}); the same command continues");
                break;
            }
            catch (DivergedException exception)
            {
                throw new DivergedException($"seed {seed}: {exception.Message}");
            }
        }
        var stopped = stop.Reason is { } reason && (results.Count < count || results[^1].Stopped == reason) ? reason
            : results.Select(result => result.Stopped).FirstOrDefault(why => why is "max_steps");
        var all = SeedsResult.Of(options.Run, seeds, results, stopped);
        if (results.Count > 0 && processes.IsFirst) DurableFile.WriteAsked(Path.Combine(options.Run, File), JsonSerializer.Serialize(all, TrainingRun.Json) + "\n");
        return all;
    }

    sealed record Turn(string? Stopped);
}

/// <summary>The results of the runs of several seeds: <c>seeds.json</c>, and what <c>train --seeds --json</c> prints.</summary>
public sealed record SeedsResult
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.seeds/1";
    /// <summary>The folder that contains the runs.</summary>
    public required string Run { get; init; }
    /// <summary>The seeds, in the order of the runs.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }
    /// <summary>The mean over the runs of every final number that all of them have, by name.</summary>
    public required IReadOnlyDictionary<string, double> Mean { get; init; }
    /// <summary>The sample standard deviation of the same numbers; absent for a single run.</summary>
    public IReadOnlyDictionary<string, double>? Deviation { get; init; }
    /// <summary>The result of each run.</summary>
    public required IReadOnlyList<TrainResult> Runs { get; init; }
    /// <summary>Why it ended before the last seed's last step; absent if it did not.</summary>
    public string? Stopped { get; init; }

    /// <summary>The result over runs.</summary>
    /// <param name="folder">The folder that contains them.</param>
    /// <param name="runs">The results so far, of the first seeds.</param>
    /// <param name="stopped">Why it ended early, or null.</param>
    public static SeedsResult Of(string folder, IReadOnlyList<ulong> seeds, IReadOnlyList<TrainResult> runs, string? stopped)
    {
        var numbers = runs.Select(Numbers).ToList();
        var shared = numbers.Count == 0 ? [] : numbers[0].Keys.Where(name => numbers.TrueForAll(one => one.ContainsKey(name))).ToList();
        var mean = shared.ToDictionary(name => name, name => numbers.Average(one => one[name]));
        return new SeedsResult
        {
            Run = folder, Seeds = seeds, Runs = runs, Stopped = stopped, Mean = mean,
            Deviation = runs.Count < 2 ? null : shared.ToDictionary(name => name,
                name => Math.Sqrt(numbers.Sum(one => (one[name] - mean[name]) * (one[name] - mean[name])) / (numbers.Count - 1))),
        };
    }

    /// <summary>The final numbers of a run, by name.</summary>
    internal static Dictionary<string, double> Numbers(TrainResult result)
    {
        var numbers = new Dictionary<string, double>();
        if (result.TrainLoss is { } train) numbers["train_loss"] = train;
        if (result.ValLoss is { } loss) numbers["val_loss"] = loss;
        if (result.Best is { } best) numbers["best.val_loss"] = best.ValLoss;
        foreach (var (name, value) in result.Metrics) numbers[name] = value;
        if (result.TokensPerSecond is { } tokens) numbers["tokens_per_second"] = tokens;
        if (result.ImagesPerSecond is { } images) numbers["images_per_second"] = images;
        numbers["seconds"] = result.Seconds;
        return numbers;
    }
}
