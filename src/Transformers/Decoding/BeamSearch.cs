using Transformers.Data;
using Transformers.Native;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Transformers.Decoding;

/// <summary>A result of a search; the tokens exclude the end token.</summary>
sealed record FoundHypothesis(int[] Ids, bool Ended, double LogProbability, double Score);

/// <summary>Beam search for the most probable targets of sources.</summary>
/// <remarks>
/// A hypothesis that has ended stays in the beam, which makes the beam narrower (Wu et al. 2016). A beam of
/// 1 is greedy search, and a beam as wide as the number of hypotheses finds the best of all.
/// </remarks>
/// <param name="decoder">The model, ready for generation.</param>
/// <param name="special">The target's framing ids.</param>
/// <param name="vocabulary">The target tokenizer's number of tokens; the model may have more rows, which are never chosen.</param>
/// <param name="options">How to search.</param>
sealed class BeamSearch(TargetDecoder decoder, SpecialIds special, int vocabulary, TranslationOptions options)
{
    /// <summary>The n best targets of each source.</summary>
    internal IReadOnlyList<FoundHypothesis>[] Find(IReadOnlyList<int[]> sources, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var decoding = decoder.Start(sources);
        var sentences = sources.Select((ids, i) => new Beam(i, LimitOf(ids.Length), special.End, options)).ToArray();
        var rows = sentences.SelectMany(sentence => sentence.Live).ToList();
        while (rows.Count > 0)
        {
            cancel.ThrowIfCancellationRequested();
            using var step = NewDisposeScope();
            var (values, ids, k) = Best(rows, decoding);
            var next = new List<LiveHypothesis>();
            var at = 0;
            while (at < rows.Count)
            {
                var first = at;
                var sentence = rows[at].Sentence;
                while (at < rows.Count && rows[at].Sentence == sentence) at++;
                next.AddRange(sentences[sentence].Advance(rows, first, at, values, ids, k));
            }
            Follow(decoding, rows, next);
            rows = next;
        }
        return [.. sentences.Select(sentence => sentence.Results())];
    }

    // The caches' rows become those of the hypotheses that continue.
    static void Follow(IDecoding decoding, List<LiveHypothesis> rows, List<LiveHypothesis> next)
    {
        if (next.Count == 0) return;
        var unchanged = next.Count == rows.Count && next.Select((row, i) => row.Parent == i).All(same => same);
        if (!unchanged) decoding.Select([.. next.Select(row => row.Parent)]);
    }

    int LimitOf(int sourceLength) => Math.Min(options.MaxNewTokens ?? sourceLength - 1 + 50, decoder.Context);

    // The k most probable next tokens of each row with their log-probabilities, row by row.
    (float[] values, long[] ids, int k) Best(List<LiveHypothesis> rows, IDecoding decoding)
    {
        var logits = decoding.Read([.. rows.Select(row => row.Last ?? special.Begin)], rows.Count);    // [R, V]
        var k = Math.Min(options.Beams, vocabulary);
        var (values, ids) = TopTokens.Of(logits, vocabulary, k, [special.Padding, special.Begin]);     // [R, k]
        return (values, ids, k);
    }
}

/// <summary>A live hypothesis.</summary>
/// <param name="Sentence">The number of its sentence in the batch.</param>
/// <param name="Parent">The row that it continues.</param>
/// <param name="Before">The hypothesis that it continues; null at the start.</param>
/// <param name="Last">Its last token; null at the start.</param>
/// <param name="LogProbability">The sum over its tokens.</param>
sealed record LiveHypothesis(int Sentence, int Parent, LiveHypothesis? Before, int? Last, double LogProbability)
{
    internal int[] Ids()
    {
        var ids = new List<int>();
        for (var at = this; at.Last is { } id; at = at.Before!) ids.Add(id);
        ids.Reverse();
        return [.. ids];
    }
}

/// <summary>The beam of one sentence.</summary>
sealed class Beam(int sentence, int limit, int end, TranslationOptions options)
{
    readonly List<FoundHypothesis> finished = [];
    int length;

    internal List<LiveHypothesis> Live { get; private set; } = [new(sentence, 0, null, null, 0)];

    /// <summary>Extends the hypotheses by one token.</summary>
    /// <returns>The hypotheses that continue.</returns>
    internal List<LiveHypothesis> Advance(List<LiveHypothesis> rows, int first, int last, float[] values, long[] ids, int k)
    {
        length++;
        var candidates = new List<(double score, int row, int rank)>();
        for (var row = first; row < last; row++)
            for (var rank = 0; rank < k; rank++)
                if (!float.IsNegativeInfinity(values[row * k + rank])) candidates.Add((rows[row].LogProbability + values[row * k + rank], row, rank));
        // Ties are broken by row and rank: the result must not depend on the sorting algorithm.
        candidates.Sort((a, b) => (b.score, a.row, a.rank).CompareTo((a.score, b.row, b.rank)));
        Live = [];
        foreach (var (score, row, rank) in candidates.Take(options.Beams - finished.Count).ToList())
        {
            var id = (int)ids[row * k + rank];
            if (id == end) finished.Add(new FoundHypothesis(rows[row].Ids(), true, score, score / options.Divisor(length)));
            else Live.Add(new LiveHypothesis(sentence, row, rows[row], id, score));
        }
        if (length >= limit) Cut();
        else if (Live.Count > 0 && IsDecided()) Live = [];
        return Live;
    }

    // At the length limit, unfinished hypotheses count only if too few have ended.
    void Cut()
    {
        var missing = options.NBest - finished.Count;
        foreach (var cut in Live.Take(Math.Max(0, missing)))
            finished.Add(new FoundHypothesis(cut.Ids(), false, cut.LogProbability, cut.LogProbability / options.Divisor(length)));
        Live = [];
    }

    bool IsDecided()
    {
        if (options.Stop == BeamStop.Never || finished.Count < options.NBest) return false;
        if (options.Stop == BeamStop.First) return true;
        var worst = finished.Select(found => found.Score).OrderDescending().ElementAt(options.NBest - 1);
        // The probability can only fall from here on, and the penalty is largest at one of the two lengths.
        var probable = Live.Max(live => live.LogProbability);
        return Math.Max(probable / options.Divisor(length + 1), probable / options.Divisor(limit + 1)) <= worst;
    }

    /// <summary>The n best; those that ended come before those that were truncated.</summary>
    internal IReadOnlyList<FoundHypothesis> Results() =>
        [.. finished.OrderByDescending(found => found.Ended).ThenByDescending(found => found.Score).Take(options.NBest)];
}

/// <summary>The most probable tokens of rows of logits.</summary>
static unsafe class TopTokens
{
    /// <summary>The most probable tokens of each row, those of equal probability by their id.</summary>
    /// <param name="logits">[R, V], 32-bit floats on the CPU; overwritten.</param>
    /// <returns>Log-probabilities and tokens, [R, k] each, the greatest first; minus infinity if too few tokens are left.</returns>
    internal static (float[] logProbabilities, long[] ids) Of(Tensor logits, int vocabulary, int k, long[] banned)
    {
        using var dense = logits.contiguous();
        var (rows, stride) = ((int)dense.size(0), (int)dense.size(1));
        var (values, ids) = (new float[rows * k], new long[rows * k]);
        if (KernelTensors.Fit(dense))
        {
            fixed (float* value = values)
            fixed (long* id = ids, ban = banned)
                DecoderKernels.Top(new TopColumns
                {
                    Logits = KernelTensors.Floats(dense), Rows = rows, RowStride = stride, Columns = vocabulary, K = k,
                    Banned = ban, BannedCount = banned.Length, Values = value, Ids = id,
                });
            return (values, ids);
        }
        var all = MemoryMarshal.Cast<byte, float>(dense.bytes);
        var work = new float[vocabulary];
        for (var row = 0; row < rows; row++)
            Choose(all.Slice(row * stride, vocabulary), banned, work, values.AsSpan(row * k, k), ids.AsSpan(row * k, k));
        return (values, ids);
    }

    static void Choose(Span<float> logits, long[] banned, float[] work, Span<float> values, Span<long> ids)
    {
        var highest = TensorPrimitives.Max<float>(logits);
        TensorPrimitives.Subtract(logits, highest, work);
        TensorPrimitives.Exp(work, work);
        var normaliser = highest + MathF.Log(TensorPrimitives.Sum<float>(work));
        foreach (var id in banned) logits[(int)id] = float.NegativeInfinity;
        values.Fill(float.NegativeInfinity);
        for (var id = 0; id < logits.Length; id++)
        {
            if (!(logits[id] > values[^1])) continue;
            // Of equal ones, the earlier comes first.
            var rank = values.Length - 1;
            for (; rank > 0 && values[rank - 1] < logits[id]; rank--) (values[rank], ids[rank]) = (values[rank - 1], ids[rank - 1]);
            (values[rank], ids[rank]) = (logits[id], id);
        }
        TensorPrimitives.Subtract(values, normaliser, values);
    }
}
