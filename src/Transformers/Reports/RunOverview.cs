using Transformers.Configs;
using Transformers.Runs;
using Transformers.Training;

namespace Transformers.Reports;

/// <summary>What a list of runs says about one of them.</summary>
/// <param name="Run">Its folder.</param>
/// <param name="Model">The kind of its model.</param>
/// <param name="State"><c>running</c>, <c>finished</c>, or <c>stopped</c>: the same command continues it.</param>
/// <param name="Step">The last step in its metrics.</param>
/// <param name="Steps">The steps that its config asks for.</param>
/// <param name="ValLoss">The loss of its last validation; null before the first, and without validation data.</param>
/// <param name="Best">Its best validation.</param>
/// <param name="Changed">When its metrics were last written.</param>
public sealed record RunOverview(string Run, string Model, string State, long Step, long Steps, double? ValLoss, BestResult? Best, DateTimeOffset Changed)
{
    // Runs of several seeds and of sweeps are in folders below the one that was named.
    const int Depth = 3;

    /// <summary>The runs in a folder and in the folders below it, in the order of their paths.</summary>
    /// <param name="folder">An existing folder; a run is listed alone.</param>
    /// <param name="onProblem">Called with each run or folder that cannot be read.</param>
    public static IReadOnlyList<RunOverview> Below(string folder, Action<UserException>? onProblem = null)
    {
        var runs = new List<RunOverview>();
        foreach (var run in Find(folder, Depth, onProblem))
            try
            {
                runs.Add(Read(run));
            }
            catch (UserException problem)
            {
                onProblem?.Invoke(problem);
            }
        return runs;
    }

    static IEnumerable<string> Find(string folder, int depth, Action<UserException>? onProblem)
    {
        if (RunFolder.IsRun(folder)) return [folder];
        if (depth == 0) return [];
        try
        {
            return Directory.GetDirectories(folder).Order(StringComparer.Ordinal).SelectMany(below => Find(below, depth - 1, onProblem));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            onProblem?.Invoke(new UserException([new Problem($"the folder cannot be read: {InputFile.ReasonOf(exception)}", folder)], exception));
            return [];
        }
    }

    static RunOverview Read(string path)
    {
        using var folder = RunFolder.OpenForReading(path);
        var config = ConfigFile.Load<RunConfig>([folder.ConfigFile]);
        List<MetricsEvent> events = [.. MetricsLog.Read(folder.MetricsFile)];
        var validations = events.Where(one => one.Split == "val" && one.Values.ContainsKey("loss")).Select(one => new BestResult(one.Step, one.Values["loss"])).ToList();
        return new RunOverview(path, KindAttribute.Of(config.Model), RunLock.OwnerOf(path) is not null ? "running" : folder.IsFinished ? "finished" : "stopped",
            events.Count == 0 ? 0 : events.Max(one => one.Step), config.Training.Steps, validations.Count == 0 ? null : validations[^1].ValLoss,
            validations.Where(one => double.IsFinite(one.ValLoss)).MinBy(one => one.ValLoss), File.GetLastWriteTime(File.Exists(folder.MetricsFile) ? folder.MetricsFile : folder.ConfigFile));
    }
}
