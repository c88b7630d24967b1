using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>Chooses tokens on the device of the logits, so that only the chosen tokens are copied to the CPU.</summary>
/// <remarks>The distribution is that of <see cref="TokenSampler"/>, except for the last digits and for which of equal logits a filter keeps.</remarks>
static class DeviceSampler
{
    /// <summary>Chooses the next token of each row.</summary>
    /// <param name="logits">[B, V], 32-bit.</param>
    /// <param name="vocabulary">The tokens that may be drawn, from 0.</param>
    /// <param name="options">The settings of the distribution.</param>
    /// <param name="seen">Each row's tokens so far, for the repetition penalty.</param>
    /// <param name="draws">A number from 0 to below 1 for each row.</param>
    /// <returns>The tokens, and their log-probabilities before temperature and filters, in nats.</returns>
    internal static (long[] Ids, float[] LogProbabilities) Choose(Tensor logits, int vocabulary, GenerationOptions options, IReadOnlyList<IReadOnlyList<int>> seen, double[] draws)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var all = logits[.., ..vocabulary];                                                             // [B, V]
        if (options.RepetitionPenalty != 1) all = Penalise(all, seen, options.RepetitionPenalty);
        var logProbabilities = nn.functional.log_softmax(all, 1);
        var chosen = options.Greedy ? all.argmax(1, keepdim: true) : Draw(all, options, draws);        // [B, 1]
        return (chosen.cpu().data<long>().ToArray(), logProbabilities.gather(1, chosen).cpu().data<float>().ToArray());
    }

    static Tensor Penalise(Tensor all, IReadOnlyList<IReadOnlyList<int>> seen, double penalty)
    {
        // Rows differ in length: they are filled up with their first token, since writing the same number twice changes nothing.
        var longest = seen.Max(row => row.Count);
        if (longest == 0) return all;
        var ids = new long[seen.Count * longest];
        for (var row = 0; row < seen.Count; row++)
            for (var i = 0; i < longest; i++) ids[row * longest + i] = seen[row].Count == 0 ? 0 : seen[row][i < seen[row].Count ? i : 0];
        var index = tensor(ids, [seen.Count, longest], device: all.device);
        var old = all.gather(1, index);
        var lowered = where(old > Scalars.Zero, old / Scalars.Of(penalty), old * Scalars.Of(penalty));
        if (seen.Any(row => row.Count == 0))
        {
            using var empty = tensor(seen.Select(row => row.Count == 0).ToArray(), [seen.Count, 1], device: all.device);
            lowered = where(empty, old, lowered);
        }
        return all.scatter(1, index, lowered);
    }

    static Tensor Draw(Tensor all, GenerationOptions options, double[] draws)
    {
        var V = all.size(1);
        var highest = all.amax([1L], keepdim: true);                                                     // [B, 1]
        var weights = ((all - highest) * Scalars.Of(Math.Clamp(1 / options.Temperature, float.Epsilon, float.MaxValue))).exp();
        if (options.TopK is { } k && k < V)
        {
            var (largest, _) = all.topk(k, 1);
            weights = weights.masked_fill(all < largest.narrow(1, k - 1, 1), Scalars.Zero);
        }
        if (options.MinP is > 0 and var least) weights = weights.masked_fill(all < highest.Plus(options.Temperature * Math.Log(least)), Scalars.Zero);
        if (options.TopP is < 1 and var mass)
        {
            var (sorted, order) = weights.sort(1, descending: true);
            var before = sorted.cumsum(1, ScalarType.Float64) - sorted;
            // The fewest tokens that reach the mass: those before which it is not reached yet.
            var kept = sorted.masked_fill(before >= sorted.sum([1L], keepdim: true, ScalarType.Float64) * Scalars.Of(mass), Scalars.Zero);
            weights = zeros_like(weights).scatter(1, order, kept);
        }
        var sums = weights.cumsum(1, ScalarType.Float64);                                                // [B, V]
        var wanted = tensor(draws, [draws.Length, 1], device: all.device) * sums.narrow(1, V - 1, 1);
        // The first token whose sum exceeds the draw. If rounding leaves none, the last token that may be drawn.
        var first = (sums <= wanted).sum([1L], keepdim: true);
        var last = (sums < sums.narrow(1, V - 1, 1)).sum([1L], keepdim: true);
        return minimum(first, last);
    }
}
