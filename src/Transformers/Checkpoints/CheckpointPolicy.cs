using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>A metric by which checkpoints are kept.</summary>
/// <param name="Metric">Its name in <see cref="CheckpointContents.Metrics"/>.</param>
/// <param name="HigherIsBetter">True for an accuracy, false for a loss.</param>
/// <param name="Keep">How many of the best to keep, at least 1.</param>
public sealed record BestRule(string Metric, bool HigherIsBetter = false, int Keep = 1);

/// <summary>Which checkpoints stay.</summary>
/// <param name="KeepLast">How many of the newest, at least 1.</param>
/// <param name="Best">Of which metrics the best stay too; the first is the one that <c>best</c> names. May be empty.</param>
public sealed record CheckpointPolicy(int KeepLast, params IReadOnlyList<BestRule> Best)
{
    /// <summary>Checks the numbers.</summary>
    /// <exception cref="UserException">One is below 1.</exception>
    public void Check()
    {
        if (KeepLast < 1) throw new UserException($"checkpoint.keep ({KeepLast}) must be at least 1");
        foreach (var rule in Best)
            if (rule.Keep < 1) throw new UserException($"the number of best checkpoints to keep by {rule.Metric} ({rule.Keep}) must be at least 1");
    }

    /// <summary>The steps of the best by a rule, best first; of equals the earlier. Those without the metric, or where it is not finite, are never among them.</summary>
    internal static IEnumerable<long> Ranked(BestRule rule, IEnumerable<Checkpoint> checkpoints) =>
        checkpoints.Select(c => (c.Step, Value: c.Manifest.Metrics.TryGetValue(rule.Metric, out var value) ? value : double.NaN))
            .Where(c => double.IsFinite(c.Value))
            .OrderBy(c => rule.HigherIsBetter ? -c.Value : c.Value).ThenBy(c => c.Step)
            .Select(c => c.Step);

    /// <summary>The steps that stay.</summary>
    internal HashSet<long> Kept(IReadOnlyList<Checkpoint> newestFirst)
    {
        var kept = newestFirst.Take(KeepLast).Select(c => c.Step).ToHashSet();
        foreach (var rule in Best) kept.UnionWith(Ranked(rule, newestFirst).Take(rule.Keep));
        return kept;
    }
}
