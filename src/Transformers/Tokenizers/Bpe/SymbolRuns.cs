using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Transformers.Tokenizers.Bpe;

/// <summary>All distinct pieces laid end to end as symbols, with links to the neighbours of each symbol as they merge.</summary>
sealed class SymbolRuns
{
    const int Gone = -1;

    // What a merge reads is adjacent: a piece and its surroundings take one or two cache lines.
    struct Cell
    {
        /// <summary>The symbol whose first byte this is, else <see cref="Gone"/>.</summary>
        internal int Symbol;
        internal int Piece;
        /// <summary>One less than the symbol's bytes, at its first and its last cell: a step in either direction is one lookup.</summary>
        internal ushort Extent;
    }

    readonly Cell[] cells;
    readonly long[] weights;

    internal SymbolRuns(PieceCounts counts)
    {
        long positions = 0;
        var pieces = 0;
        counts.ForEach((piece, _) =>
        {
            if (piece.Length < 2) return; // nothing to merge
            positions += piece.Length;
            pieces++;
        });
        if (positions > Array.MaxLength / 2)
            throw new UserException($"the corpus has {positions:N0} bytes of distinct pieces, more than training can handle", hint: "choose a pattern that splits text into words, or a smaller corpus");
        cells = new Cell[positions];
        weights = new long[pieces];
        int position = 0, index = 0;
        counts.ForEach((piece, count) =>
        {
            if (piece.Length < 2) return;
            weights[index] = count;
            foreach (var b in piece) cells[position++] = new Cell { Symbol = b, Piece = index };
            index++;
        });
    }

    /// <summary>Calls an action for each two neighbouring bytes with the left one's position, both bytes in one number, and the piece's count.</summary>
    internal void ForEachNeighbours(Action<int, int, long> action)
    {
        for (var position = 0; position + 1 < cells.Length; position++)
        {
            ref readonly Cell left = ref cells[position], right = ref cells[position + 1];
            if (left.Piece == right.Piece) action(position, left.Symbol << 8 | right.Symbol, weights[left.Piece]);
        }
    }

    /// <summary>Prefetches the surroundings of a position into the cache, if the processor has an instruction for it.</summary>
    internal unsafe void Prefetch(int position)
    {
        // Only the address is needed, so the array may move in the meantime.
        if (Sse.IsSupported) Sse.Prefetch0(Unsafe.AsPointer(ref cells[position]));
    }

    /// <summary>Merges the pair at a position, if it is still there, and records which pairs this ends and begins.</summary>
    internal void Merge(int position, Merge merge, MergeEffects effects)
    {
        ref var first = ref cells[position];
        if (first.Symbol != merge.Left) return;
        var at = position + first.Extent + 1;
        if (at >= cells.Length) return;
        ref var second = ref cells[at];
        if (second.Symbol != merge.Right || second.Piece != first.Piece) return;

        var weight = weights[first.Piece];
        if (position > 0 && cells[position - 1].Piece == first.Piece)
        {
            var before = position - 1 - cells[position - 1].Extent;
            effects.LeftNeighbour(cells[before].Symbol, before, weight);
        }
        var behind = at + second.Extent + 1;
        if (behind < cells.Length && cells[behind].Piece == first.Piece) effects.RightNeighbour(cells[behind].Symbol, position, weight);

        first.Symbol = merge.Result;
        second.Symbol = Gone;
        first.Extent = cells[behind - 1].Extent = (ushort)(behind - position - 1);
    }
}

/// <summary>The changes of one merge to the counts of pairs, summed by neighbour before the pairs are looked up.</summary>
sealed class MergeEffects(int symbols)
{
    struct Neighbour
    {
        /// <summary>Weight of the old pairs with this neighbour that ended.</summary>
        internal long Lost;
        /// <summary>Weight of the new pairs with it.</summary>
        internal long Gained;
        /// <summary>Number of positions recorded for the new pair, some of which may have ended again.</summary>
        internal int Positions;
        internal int Filled;
    }

    sealed class Side(int symbols)
    {
        internal readonly Neighbour[] Neighbours = new Neighbour[symbols];
        internal readonly List<int> Touched = [];
        /// <summary>Neighbour and position of each new pair, in order of positions.</summary>
        internal readonly List<(int Neighbour, int Position)> Events = [];
        int[]?[] positions = [];

        internal ref Neighbour Add(int neighbour, int position, long weight)
        {
            ref var entry = ref Neighbours[neighbour];
            if (entry.Positions++ == 0) Touched.Add(neighbour);
            entry.Gained += weight;
            Events.Add((neighbour, position));
            return ref entry;
        }

        internal void Clear()
        {
            foreach (var neighbour in Touched) Neighbours[neighbour] = default;
            Touched.Clear();
            Events.Clear();
        }

        /// <summary>The lists of positions of the new pairs that are frequent enough, in the order of <see cref="Touched"/>; null for the others.</summary>
        internal ReadOnlySpan<int[]?> PositionLists(long minimum)
        {
            if (positions.Length < Touched.Count) positions = new int[]?[Touched.Count * 2];
            for (var i = 0; i < Touched.Count; i++)
            {
                ref var entry = ref Neighbours[Touched[i]];
                positions[i] = entry.Gained >= minimum ? new int[entry.Positions] : null;
                // From here on, this is the index of the list.
                entry.Positions = i;
            }
            foreach (var (neighbour, position) in Events)
            {
                ref var entry = ref Neighbours[neighbour];
                if (positions[entry.Positions] is { } list) list[entry.Filled++] = position;
            }
            return positions.AsSpan(0, Touched.Count);
        }
    }

    /// <summary>Receives an old pair and how often it ended.</summary>
    internal delegate void LostPair(int left, int right, long weight);

    /// <summary>Receives a new pair, its count and its positions in order.</summary>
    internal delegate void GainedPair(int left, int right, long weight, int[] positions);

    readonly Side left = new(symbols), right = new(symbols);
    Merge merge;

    internal void Begin(Merge next)
    {
        left.Clear();
        right.Clear();
        merge = next;
    }

    /// <summary>The merged pair has this symbol on its left, at this position.</summary>
    internal void LeftNeighbour(int symbol, int position, long weight)
    {
        ref var entry = ref left.Add(symbol, position, weight);
        // The neighbour may be the result of this same merge; the pair that ends is then one that this merge began.
        if (symbol == merge.Result) right.Neighbours[merge.Left].Gained -= weight;
        else entry.Lost += weight;
    }

    /// <summary>The merged pair, which begins at this position, has this symbol on its right.</summary>
    internal void RightNeighbour(int symbol, int position, long weight) => right.Add(symbol, position, weight).Lost += weight;

    /// <summary>Calls an action for each older pair that ended.</summary>
    internal void ForEachLost(LostPair action)
    {
        foreach (var symbol in left.Touched) action(symbol, merge.Left, left.Neighbours[symbol].Lost);
        foreach (var symbol in right.Touched) action(merge.Right, symbol, right.Neighbours[symbol].Lost);
    }

    /// <summary>Calls an action for each pair with the new symbol that is frequent enough; to be called once per merge.</summary>
    internal void ForEachGained(long minimum, GainedPair action)
    {
        var lists = left.PositionLists(minimum);
        for (var i = 0; i < lists.Length; i++)
            if (lists[i] is { } positions) action(left.Touched[i], merge.Result, left.Neighbours[left.Touched[i]].Gained, positions);
        lists = right.PositionLists(minimum);
        for (var i = 0; i < lists.Length; i++)
            if (lists[i] is { } positions) action(merge.Result, right.Touched[i], right.Neighbours[right.Touched[i]].Gained, positions);
    }
}
