using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>What the runs of several seeds came to: <c>seeds.json</c>, and what <c>train --seeds --json</c> prints.</summary>
public sealed record SeedsResult
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.seeds/1";
    /// <summary>The folder that holds the runs.</summary>
    public required string Run { get; init; }
    /// <summary>The seeds, in the order of the runs.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }
    /// <summary>The mean over the runs of every final number that all of them have, by name.</summary>
    public required IReadOnlyDictionary<string, double> Mean { get; init; }
    /// <summary>The standard deviation of the same numbers, dividing by the runs less one; absent for a single run.</summary>
    public IReadOnlyDictionary<string, double>? Deviation { get; init; }
    /// <summary>The result of each run.</summary>
    public required IReadOnlyList<TrainResult> Runs { get; init; }
    /// <summary>Why it ended before the last seed's last step; absent where it did not.</summary>
    public string? Stopped { get; init; }

    /// <summary>The result over runs.</summary>
    /// <param name="folder">The folder that holds them.</param>
    /// <param name="seeds">All seeds.</param>
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

    static Dictionary<string, double> Numbers(TrainResult result)
    {
        var numbers = new Dictionary<string, double> { ["train_loss"] = result.TrainLoss };
        if (result.ValLoss is { } loss) numbers["val_loss"] = loss;
        if (result.Best is { } best) numbers["best.val_loss"] = best.ValLoss;
        foreach (var (name, value) in result.Metrics) numbers[name] = value;
        if (result.TokensPerSecond is { } tokens) numbers["tokens_per_second"] = tokens;
        if (result.ImagesPerSecond is { } images) numbers["images_per_second"] = images;
        numbers["seconds"] = result.Seconds;
        return numbers;
    }
}
