using Transformers.Data;
using Transformers.Training;

namespace Transformers.Kinds.Tasks;

/// <summary>Batches of texts as a config wants them.</summary>
static class LabelledOptions
{
    /// <summary>The size of batches; a text fits even where it is longer than the tokens of a batch.</summary>
    internal static BucketOptions Of(RunConfig run, TokenStore texts)
    {
        var batch = run.Training.Batch;
        var longest = texts.Count == 0 ? 0 : Enumerable.Range(0, texts.Count).Max(texts.LengthOf);
        return new BucketOptions
        {
            Tokens = batch.Tokens is { } tokens ? Math.Max(tokens, longest) : null,
            Sequences = batch.Sequences,
            Seed = SeedStreams.Of(run.Seed, "batches"),
        };
    }

    /// <summary>The first batches of the first epoch: shuffled, so that some are like the whole, and the same every time.</summary>
    internal static IEnumerable<DataPosition> Positions(int batches, int? count) =>
        Enumerable.Range(0, Math.Min(batches, count ?? int.MaxValue)).Select(batch => new DataPosition(0, batch));
}
