namespace Transformers.Training;

/// <summary>A part of the flat gradients that is exchanged at once.</summary>
/// <param name="Start">Its first number.</param>
/// <param name="Count">Its numbers, a multiple of the processes.</param>
/// <param name="Border">The block whose border completes it, in the order of the model; null for what is complete only when the backward pass is over.</param>
readonly record struct GradientBucket(long Start, long Count, int? Border);

/// <summary>A part of a parameter that one process updates.</summary>
/// <param name="Parameter">The parameter's index.</param>
/// <param name="Offset">The first number, within the parameter.</param>
/// <param name="Count">Its numbers.</param>
readonly record struct ParameterPiece(int Parameter, long Offset, long Count);

/// <summary>Where the gradients of parameters are in one flat buffer, and in which parts processes exchange them.</summary>
/// <remarks>
/// Buckets are in the order in which a backward pass completes them: the last blocks first, then everything that is in no block, where tied
/// weights are. Each bucket divides among the processes, part r being rank r's; so the same layout serves sums for all and sharded optimizers.
/// </remarks>
sealed class GradientLayout
{
    // Kernels write rows of 64 bytes; and gaps hold zeros, which no sum changes.
    const int Alignment = 16;

    /// <summary>Numbers of a bucket: 4 MiB, so that exchanges are few and the first one starts early.</summary>
    internal const long BucketNumbers = 1 << 20;

    readonly long[] sizes;

    /// <summary>The layout of some parameters.</summary>
    /// <param name="sizes">The numbers of each parameter.</param>
    /// <param name="blocks">The block of each parameter, in the order of the model; null for none.</param>
    /// <param name="processes">The number of processes.</param>
    /// <param name="bucketNumbers">The fewest numbers of a bucket of blocks.</param>
    internal GradientLayout(IReadOnlyList<long> sizes, IReadOnlyList<int?> blocks, int processes, long bucketNumbers = BucketNumbers)
    {
        this.sizes = [.. sizes];
        Starts = new long[sizes.Count];
        var buckets = new List<GradientBucket>();
        long next = 0, start = 0;
        var groups = Enumerable.Range(0, sizes.Count).GroupBy(i => blocks[i]).OrderByDescending(group => group.Key ?? -1).ToList();
        int? last = null;
        foreach (var group in groups)
        {
            // What is in no block is complete later than all blocks.
            if (group.Key is null) Close(last);
            last = group.Key;
            foreach (var i in group)
            {
                Starts[i] = next;
                next = RoundUp(next + sizes[i], Alignment);
            }
            if (group.Key is not null && next - start >= bucketNumbers) Close(last);
        }
        Close(last);
        (Total, Buckets) = (next, buckets);

        void Close(int? border)
        {
            if (next == start) return;
            next = RoundUp(next - start, (long)Alignment * processes) + start;
            buckets.Add(new GradientBucket(start, next - start, border));
            start = next;
        }
    }

    /// <summary>The first number of each parameter's gradient.</summary>
    internal long[] Starts { get; }

    /// <summary>The numbers of the flat buffer.</summary>
    internal long Total { get; }

    /// <summary>The buckets, in the order of exchange.</summary>
    internal IReadOnlyList<GradientBucket> Buckets { get; }

    /// <summary>The parts of parameters that a process updates where the optimizer is sharded, in the order of the parameters.</summary>
    internal IReadOnlyList<ParameterPiece> PiecesOf(int rank, int processes)
    {
        var pieces = new List<ParameterPiece>();
        for (var i = 0; i < sizes.Length; i++)
            foreach (var bucket in Buckets)
            {
                var first = Math.Max(Starts[i], bucket.Start + bucket.Count / processes * rank);
                var end = Math.Min(Starts[i] + sizes[i], bucket.Start + bucket.Count / processes * (rank + 1));
                if (first < end) pieces.Add(new ParameterPiece(i, first - Starts[i], end - first));
            }
        return pieces;
    }

    static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;
}
