using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>Rows of tokens read through packed weights. What comes of a row does not depend on the others, to the last bit.</summary>
/// <param name="decoder">The weights.</param>
/// <param name="rows">The number of rows.</param>
/// <param name="source">The sources of an encoder-decoder, one a row; disposed of with this.</param>
sealed class PackedDecoding(PackedDecoder decoder, int rows, PagedCache? source = null) : IDecoding
{
    // Enough to keep the processor busy; more would only take memory.
    const int MostTokens = 512;
    const long IgnoredTarget = -100;

    readonly PagedCache target = decoder.NewCache(rows);

    public long Length => target.Rows == 0 ? 0 : target.Lengths[0];

    public Tensor Read(ReadOnlySpan<int> ids, int rows)
    {
        var T = ids.Length / rows;
        var each = Math.Max(1, MostTokens / rows);
        for (var from = 0; ; from += each)
        {
            var until = Math.Min(T, from + each);
            var last = until == T;
            var logits = Step(ids, rows, from, until, last ? [.. Enumerable.Range(1, rows).Select(row => (long)row * (until - from) - 1)] : []);
            if (last) return logits;
        }
    }

    /// <summary>Reads the next tokens of each row and sums the cross entropies of what should follow each.</summary>
    /// <param name="ids">[B, T] as one list, row by row.</param>
    /// <param name="targets">[B, T], the token after each; -100 where it does not count.</param>
    /// <param name="rows">The number of rows B.</param>
    /// <returns>The sum in nats.</returns>
    internal double Loss(ReadOnlySpan<int> ids, ReadOnlySpan<long> targets, int rows)
    {
        var (T, each, sum) = (ids.Length / rows, Math.Max(1, MostTokens / rows), 0.0);
        for (var from = 0; from < T; from += each)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(T, from + each) - from;
            var wanted = new long[rows * count];
            for (var row = 0; row < rows; row++) targets.Slice(row * T + from, count).CopyTo(wanted.AsSpan(row * count));
            var logits = Step(ids, rows, from, from + count, [.. Enumerable.Range(0, rows * count).Select(i => (long)i)]);   // [B·count, V]
            sum += nn.functional.cross_entropy(logits, tensor(wanted), ignore_index: IgnoredTarget, reduction: nn.Reduction.Sum).item<float>();
        }
        return sum;
    }

    Tensor Step(ReadOnlySpan<int> ids, int rows, int from, int until, long[] wanted)
    {
        var (T, length, count) = (ids.Length / rows, Length, until - from);
        long[] tokens = new long[rows * count], places = new long[rows * count], owners = new long[rows * count], added = new long[rows];
        for (var row = 0; row < rows; row++)
        {
            added[row] = count;
            for (var t = 0; t < count; t++)
                (tokens[row * count + t], places[row * count + t], owners[row * count + t]) = (ids[row * T + from + t], length + t, row);
        }
        target.Extend(added);
        return decoder.Step(target, source, tokens, places, owners, wanted);
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        target.Select(rows);
        source?.Select(rows);
    }

    public void Dispose()
    {
        target.Dispose();
        source?.Dispose();
    }
}
