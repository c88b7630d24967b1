using Transformers.Generators;

namespace Transformers.Data.Sentences;

/// <summary>One split of parallel text: its name and how to read it.</summary>
/// <param name="Name">The name of its file without language and ending: <c>train</c>, <c>val</c>, <c>test_2016_flickr</c>.</param>
/// <param name="Files">The files that are read.</param>
/// <param name="Read">Reads it from the start, as a stream.</param>
public sealed record ParallelSplit(string Name, IReadOnlyList<string> Files, Func<IEnumerable<SentencePair>> Read);

/// <summary>The splits of parallel text.</summary>
/// <param name="Train">The text to learn from.</param>
/// <param name="Validation">The text to choose by, if there is one.</param>
/// <param name="Tests">The texts to report on, by name.</param>
public sealed record ParallelSplits(ParallelSplit Train, ParallelSplit? Validation, IReadOnlyList<ParallelSplit> Tests)
{
    /// <summary>The first test, if there is one.</summary>
    public ParallelSplit? Test => Tests.Count > 0 ? Tests[0] : null;
}
