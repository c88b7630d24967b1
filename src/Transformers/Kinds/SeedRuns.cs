using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Transformers.IO;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>Trains one config with several seeds, one after the other, each in a folder of its own.</summary>
public static class SeedRuns
{
    /// <summary>The file of the result, in the folder that holds the runs.</summary>
    public const string File = "seeds.json";

    /// <summary>The folder of a seed's run.</summary>
    /// <param name="run">The folder that holds the runs.</param>
    /// <param name="seed">The seed.</param>
    public static string FolderOf(string run, ulong seed) => Path.Combine(run, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}"));

    /// <summary>The seeds of a config's runs: its own and those after it.</summary>
    /// <exception cref="UserException">There are not so many.</exception>
    public static IReadOnlyList<ulong> SeedsOf(RunConfig config, int count)
    {
        if (count < 2) throw new UserException($"--seeds ({count}) must be at least 2", "leave it out for one run");
        if (config.Seed > ulong.MaxValue - (ulong)count) throw new UserException($"--seeds ({count}) goes beyond the largest seed from seed ({config.Seed})");
        return [.. Enumerable.Range(0, count).Select(i => config.Seed + (ulong)i)];
    }

    /// <summary>Trains each seed, goes on where it stopped, and leaves <see cref="File"/> in the folder.</summary>
    /// <param name="config">The config; its seed is the first.</param>
    /// <param name="options">As for one run; the time limit is that of all together.</param>
    /// <param name="count">The number of seeds, at least 2.</param>
    /// <param name="observer">Sees the runs one after the other.</param>
    /// <param name="stop">Asks all of them to end.</param>
    /// <exception cref="UserException">What one run refuses, or the folder holds a single run.</exception>
    /// <exception cref="DivergedException">A run went wrong.</exception>
    public static SeedsResult Start(RunConfig config, TrainingOptions options, int count, ITrainingObserver observer, StopRequest stop)
    {
        var seeds = SeedsOf(config, count);
        if (options.ResumeFrom is not null) throw new UserException("--resume=PATH names one run's checkpoint, and --seeds trains several", "leave --resume out: each seed goes on where it stopped");
        if (Directory.Exists(Path.Combine(options.Run, RunFolder.CheckpointsFolder)))
            throw new UserException([new Problem("the folder holds a single run, and --seeds needs one for several", options.Run, Hint: "name another folder with --run")]);
        var clock = Stopwatch.StartNew();
        var results = new List<TrainResult>();
        foreach (var seed in seeds)
        {
            if (options.MaxTime <= clock.Elapsed) stop.Ask("max_time");
            if (stop.Reason is not null) break;
            var folder = FolderOf(options.Run, seed);
            observer.Note($"seed {seed}, {results.Count + 1} of {count}: {folder}");
            try
            {
                results.Add(TrainingRun.Start(config with { Seed = seed }, options with { Run = folder, MaxTime = options.MaxTime - clock.Elapsed }, observer, stop));
            }
            catch (DivergedException exception)
            {
                throw new DivergedException($"seed {seed}: {exception.Message}");
            }
        }
        var stopped = stop.Reason is { } reason && (results.Count < count || results[^1].Stopped == reason) ? reason
            : results.Select(result => result.Stopped).FirstOrDefault(why => why is "max_steps");
        var all = SeedsResult.Of(options.Run, seeds, results, stopped);
        if (results.Count > 0) DurableFile.WriteText(Path.Combine(options.Run, File), JsonSerializer.Serialize(all, TrainingRun.Json) + "\n");
        return all;
    }
}
