using Transformers.IO;

namespace Transformers.Configs;

/// <summary>Collects everything that is wrong, so that a user sees it all at once.</summary>
sealed class ProblemList
{
    const int Most = 100;
    readonly List<Problem> problems = [];

    internal int Count { get; private set; }

    /// <summary>Whether more problems are only counted, so that guessing what was meant is in vain.</summary>
    internal bool Full => problems.Count >= Most;

    internal void Add(Source source, string path, string message, string? hint = null)
    {
        Count++;
        if (problems.Count < Most)
            problems.Add(new Problem(message, source.File, source.Line, source.Column, path.Length > 0 ? path : null, hint));
    }

    /// <summary>Whether something that the rest needs could not be read at all.</summary>
    internal bool Stopped { get; private set; }

    /// <summary>Runs a step of reading and keeps the problems at which it stops.</summary>
    /// <param name="step">The step.</param>
    /// <param name="vital">Whether without it the rest makes no sense.</param>
    internal void Collect(Action step, bool vital = true)
    {
        try
        {
            step();
        }
        catch (UserException exception)
        {
            Stopped |= vital;
            Count += exception.Problems.Count;
            problems.AddRange(exception.Problems);
        }
    }

    /// <summary>Throws if anything was found: in the order of the files as given, and of the lines in each.</summary>
    internal void ThrowIfAny(IReadOnlyList<string> files)
    {
        if (Count == 0) return;
        var order = files.Index().DistinctBy(f => f.Item).ToDictionary(f => f.Item, f => f.Index);
        List<Problem> sorted = [.. problems
            .OrderBy(p => p.File is not null && order.TryGetValue(p.File, out var place) ? place : int.MaxValue)
            .ThenBy(p => p.Line ?? 0).ThenBy(p => p.Column ?? 0)];
        if (Count > sorted.Count) sorted.Add(new Problem($"and {Count - sorted.Count} more problems"));
        throw new UserException(sorted);
    }
}
