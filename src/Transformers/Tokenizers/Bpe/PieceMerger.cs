namespace Transformers.Tokenizers.Bpe;

/// <summary>Merges the symbols of one piece in the order of the merges' ranks, the leftmost pair of a rank first.</summary>
/// <remarks>Keeps its working memory between pieces, so it belongs to one thread at a time.</remarks>
sealed class PieceMerger(PairTable pairs)
{
    // Below this length shifting short arrays beats a heap.
    const int Short = 96;
    int[] symbols = new int[256];
    readonly int[] ranks = new int[Short];
    int[] previous = [], next = [], rankAt = [];

    /// <summary>Merges the symbols in place.</summary>
    /// <returns>How many are left, at the front.</returns>
    internal int Merge(Span<int> piece) => piece.Length <= Short ? MergeShort(piece) : MergeLong(piece);

    /// <summary>Room for the symbols of a piece.</summary>
    internal Span<int> Symbols(int length)
    {
        if (symbols.Length < length) symbols = new int[Math.Max(length, symbols.Length * 2)];
        return symbols.AsSpan(0, length);
    }

    int MergeShort(Span<int> piece)
    {
        var count = piece.Length;
        var rank = ranks.AsSpan(0, Short);
        for (var i = 0; i + 1 < count; i++) rank[i] = pairs.Rank(piece[i], piece[i + 1]);
        while (count > 1)
        {
            var (best, at) = (PairTable.NoRank, 0);
            for (var i = 0; i + 1 < count; i++)
                if (rank[i] < best) (best, at) = (rank[i], i);
            if (best == PairTable.NoRank) break;
            piece[at] = pairs.Result(best);
            piece[(at + 2)..count].CopyTo(piece[(at + 1)..]);
            if (at + 2 < count) rank[(at + 2)..(count - 1)].CopyTo(rank[(at + 1)..]);
            count--;
            if (at > 0) rank[at - 1] = pairs.Rank(piece[at - 1], piece[at]);
            if (at + 1 < count) rank[at] = pairs.Rank(piece[at], piece[at + 1]);
        }
        return count;
    }

    int MergeLong(Span<int> piece)
    {
        var count = piece.Length;
        if (next.Length < count) (previous, next, rankAt) = (new int[count], new int[count], new int[count]);
        var candidates = new List<ulong>(count);
        for (var i = 0; i < count; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            rankAt[i] = i + 1 < count ? pairs.Rank(piece[i], piece[i + 1]) : PairTable.NoRank;
            if (rankAt[i] != PairTable.NoRank) candidates.Add(Candidate(rankAt[i], i));
        }
        // A candidate is rank and position in one word, so the least is the leftmost pair of the best rank.
        var heap = new MinHeap<ulong>(0);
        heap.Fill(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(candidates));
        while (heap.TryPop(out var candidate))
        {
            var (rank, at) = ((int)(candidate >> 32), (int)(candidate & uint.MaxValue));
            if (rankAt[at] != rank) continue; // one of the two has been merged since
            var right = next[at];
            piece[at] = pairs.Result(rank);
            rankAt[right] = PairTable.NoRank;
            next[at] = next[right];
            if (next[at] < count) previous[next[at]] = at;
            Renew(piece, at, count, ref heap);
            if (previous[at] >= 0) Renew(piece, previous[at], count, ref heap);
        }
        var kept = 0;
        for (var i = 0; i < count; i = next[i]) piece[kept++] = piece[i];
        return kept;
    }

    void Renew(Span<int> piece, int at, int count, ref MinHeap<ulong> heap)
    {
        rankAt[at] = next[at] < count ? pairs.Rank(piece[at], piece[next[at]]) : PairTable.NoRank;
        if (rankAt[at] != PairTable.NoRank) heap.Push(Candidate(rankAt[at], at));
    }

    static ulong Candidate(int rank, int position) => (ulong)(uint)rank << 32 | (uint)position;
}
