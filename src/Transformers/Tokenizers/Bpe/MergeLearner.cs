namespace Transformers.Tokenizers.Bpe;

/// <summary>Learns merges from counted pieces: the most frequent pair first, and among equals the one with the lowest ids (Sennrich et al. 2016, algorithm 1).</summary>
/// <remarks>
/// Counts are of all neighbours in the current segmentation and are updated exactly. A pair gets all its positions in the
/// one merge that made its newer symbol, and only loses some later, so a list of positions is never extended and a heap entry with
/// an outdated count is an upper bound: it is put back with the true one.
/// </remarks>
sealed class MergeLearner
{
    struct Pair
    {
        internal int Left, Right;
        internal long Count;
        internal int[]? Positions;
    }

    readonly struct Candidate(long count, int left, int right, int pair) : IComparable<Candidate>
    {
        internal readonly long Count = count;
        internal readonly int Pair = pair;
        readonly ulong ids = Key(left, right);

        // The heap returns the least: most frequent, then lowest ids.
        public int CompareTo(Candidate other) => Count != other.Count ? other.Count.CompareTo(Count) : ids.CompareTo(other.ids);
    }

    // The positions of a pair are scattered over memory but known in advance: this many are prefetched at a time.
    const int Ahead = 12;

    readonly SymbolRuns runs;
    readonly long minimum;
    readonly List<byte[]> tokens = [];
    readonly HashSet<ReadOnlyMemory<byte>> taken = new(ByteStringComparer.Instance);
    readonly Dictionary<ulong, int> indexOf = [];
    readonly MergeEffects effects;
    Pair[] pairs = new Pair[1024];
    int pairCount;
    MinHeap<Candidate> heap = new(1024);
    readonly MergeEffects.LostPair lose;
    readonly MergeEffects.GainedPair register;

    internal MergeLearner(PieceCounts counts, int merges, long minimum, IEnumerable<byte[]> forbidden)
    {
        this.minimum = minimum;
        runs = new SymbolRuns(counts);
        effects = new MergeEffects(256 + merges);
        (lose, register) = (Lose, Register);
        foreach (var name in forbidden) taken.Add(name);
        for (var b = 0; b < 256; b++) tokens.Add([(byte)b]);
        FindFirstPairs();
    }

    internal IReadOnlyList<byte[]> Tokens => tokens;

    /// <summary>Learns one more merge.</summary>
    internal bool TryLearn(out Merge merge)
    {
        merge = default;
        while (heap.TryPop(out var candidate))
        {
            ref var pair = ref pairs[candidate.Pair];
            if (pair.Count != candidate.Count)
            {
                if (pair.Count >= minimum) heap.Push(new(pair.Count, pair.Left, pair.Right, candidate.Pair));
                else pair.Positions = null;
                continue;
            }
            byte[] bytes = [.. tokens[pair.Left], .. tokens[pair.Right]];
            // A special token's text must not become a second token: a vocabulary names each once.
            if (!taken.Add(bytes)) continue;
            merge = new(pair.Left, pair.Right, tokens.Count);
            tokens.Add(bytes);
            Apply(candidate.Pair, merge);
            return true;
        }
        return false;
    }

    void Apply(int index, Merge merge)
    {
        var positions = pairs[index].Positions!;
        pairs[index].Positions = null;
        indexOf.Remove(Key(merge.Left, merge.Right));
        effects.Begin(merge);
        for (var i = 0; i < positions.Length; i++)
        {
            if (i + Ahead < positions.Length) runs.Prefetch(positions[i + Ahead]);
            runs.Merge(positions[i], merge, effects);
        }
        effects.ForEachLost(lose);
        effects.ForEachGained(minimum, register);
    }

    void Lose(int left, int right, long weight)
    {
        if (indexOf.TryGetValue(Key(left, right), out var lost)) pairs[lost].Count -= weight;
    }

    void Register(int left, int right, long count, int[] positions)
    {
        if (pairCount == pairs.Length) Array.Resize(ref pairs, pairCount * 2);
        pairs[pairCount] = new() { Left = left, Right = right, Count = count, Positions = positions };
        indexOf[Key(left, right)] = pairCount;
        heap.Push(new(count, left, right, pairCount++));
    }

    void FindFirstPairs()
    {
        var weights = new long[1 << 16];
        var positions = new int[1 << 16];
        runs.ForEachNeighbours((_, pair, weight) =>
        {
            weights[pair] += weight;
            positions[pair]++;
        });
        var lists = new int[1 << 16][];
        for (var pair = 0; pair < lists.Length; pair++)
            if (weights[pair] >= minimum) lists[pair] = new int[positions[pair]];
        Array.Clear(positions);
        runs.ForEachNeighbours((position, pair, _) =>
        {
            if (lists[pair] is { } list) list[positions[pair]++] = position;
        });
        for (var pair = 0; pair < lists.Length; pair++)
            if (lists[pair] is { } list) Register(pair >> 8, pair & 255, weights[pair], list);
    }

    static ulong Key(int left, int right) => (ulong)(uint)left << 32 | (uint)right;
}

/// <summary>A binary heap of values that compare themselves; the least comes out first.</summary>
struct MinHeap<T>(int capacity) where T : struct, IComparable<T>
{
    T[] items = new T[Math.Max(capacity, 4)];

    internal int Count { get; private set; }

    /// <summary>Replaces the heap's values with the given ones, in linear time.</summary>
    internal void Fill(ReadOnlySpan<T> values)
    {
        if (items.Length < values.Length) items = new T[values.Length];
        values.CopyTo(items);
        Count = values.Length;
        for (var i = Count / 2 - 1; i >= 0; i--) SiftDown(i, items[i]);
    }

    internal void Push(T value)
    {
        if (Count == items.Length) Array.Resize(ref items, Count * 2);
        var at = Count++;
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (items[parent].CompareTo(value) <= 0) break;
            items[at] = items[parent];
            at = parent;
        }
        items[at] = value;
    }

    internal bool TryPop(out T least)
    {
        least = default;
        if (Count == 0) return false;
        least = items[0];
        var last = items[--Count];
        if (Count > 0) SiftDown(0, last);
        return true;
    }

    readonly void SiftDown(int at, T value)
    {
        while (true)
        {
            var child = 2 * at + 1;
            if (child >= Count) break;
            if (child + 1 < Count && items[child + 1].CompareTo(items[child]) < 0) child++;
            if (value.CompareTo(items[child]) <= 0) break;
            items[at] = items[child];
            at = child;
        }
        items[at] = value;
    }
}
