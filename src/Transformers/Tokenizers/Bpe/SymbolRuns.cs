using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Transformers.IO;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers.Bpe;

/// <summary>All distinct pieces laid end to end as symbols, with what it takes to step left and right as they merge.</summary>
sealed class SymbolRuns
{
    const int Gone = -1;

    // What a merge looks at stands side by side: a piece and its surroundings are one or two cache lines.
    struct Cell
    {
        /// <summary>The symbol whose first byte this is, else <see cref="Gone"/>.</summary>
        internal int Symbol;
        internal int Piece;
        /// <summary>One less than the symbol's bytes, at its first and its last cell: a step in either direction is one look-up.</summary>
        internal ushort Extent;
    }

    readonly Cell[] cells;
    readonly long[] weights;

    internal SymbolRuns(PieceCounts counts)
    {
        long places = 0;
        var pieces = 0;
        counts.ForEach((piece, _) =>
        {
            if (piece.Length < 2) return; // nothing to merge
            places += piece.Length;
            pieces++;
        });
        if (places > Array.MaxLength / 2)
            throw new UserException($"the corpus has {places:N0} bytes of distinct pieces, more than training can hold", hint: "choose a pattern that cuts words, or a smaller corpus");
        cells = new Cell[places];
        weights = new long[pieces];
        int place = 0, index = 0;
        counts.ForEach((piece, count) =>
        {
            if (piece.Length < 2) return;
            weights[index] = count;
            foreach (var b in piece) cells[place++] = new Cell { Symbol = b, Piece = index };
            index++;
        });
    }

    /// <summary>Calls an action for each two neighbouring bytes with the left one's place, both bytes in one number, and the piece's count.</summary>
    internal void ForEachNeighbours(Action<int, int, long> action)
    {
        for (var place = 0; place + 1 < cells.Length; place++)
        {
            ref readonly Cell left = ref cells[place], right = ref cells[place + 1];
            if (left.Piece == right.Piece) action(place, left.Symbol << 8 | right.Symbol, weights[left.Piece]);
        }
    }

    /// <summary>Has the surroundings of a place fetched into the cache, where the processor can be asked to.</summary>
    internal unsafe void Prefetch(int place)
    {
        // An address is all that is needed, so the array may move meanwhile.
        if (Sse.IsSupported) Sse.Prefetch0(Unsafe.AsPointer(ref cells[place]));
    }

    /// <summary>Merges the pair at a place, if it is still there, and notes which neighbourhoods that ends and begins.</summary>
    internal void Merge(int place, Merge merge, MergeEffects effects)
    {
        ref var first = ref cells[place];
        if (first.Symbol != merge.Left) return;
        var at = place + first.Extent + 1;
        if (at >= cells.Length) return;
        ref var second = ref cells[at];
        if (second.Symbol != merge.Right || second.Piece != first.Piece) return;

        var weight = weights[first.Piece];
        if (place > 0 && cells[place - 1].Piece == first.Piece)
        {
            var before = place - 1 - cells[place - 1].Extent;
            effects.LeftNeighbour(cells[before].Symbol, before, weight);
        }
        var behind = at + second.Extent + 1;
        if (behind < cells.Length && cells[behind].Piece == first.Piece) effects.RightNeighbour(cells[behind].Symbol, place, weight);

        first.Symbol = merge.Result;
        second.Symbol = Gone;
        first.Extent = cells[behind - 1].Extent = (ushort)(behind - place - 1);
    }
}

/// <summary>What one merge does to the counts of pairs, summed by neighbour before the pairs are looked up.</summary>
sealed class MergeEffects(int symbols)
{
    struct Neighbour
    {
        /// <summary>Weight of the old pairs with this neighbour that ended.</summary>
        internal long Lost;
        /// <summary>Weight of the new pairs with it.</summary>
        internal long Gained;
        /// <summary>Number of places noted for the new pair, some of which may have ended again.</summary>
        internal int Places;
        /// <summary>How many of them have been handed out.</summary>
        internal int Filled;
    }

    /// <summary>The neighbours on one side of the merged pair.</summary>
    sealed class Side(int symbols)
    {
        internal readonly Neighbour[] Neighbours = new Neighbour[symbols];
        internal readonly List<int> Touched = [];
        /// <summary>Neighbour and place of each new pair, in order of places.</summary>
        internal readonly List<(int Neighbour, int Place)> Events = [];
        int[]?[] places = [];

        internal ref Neighbour Add(int neighbour, int place, long weight)
        {
            ref var entry = ref Neighbours[neighbour];
            if (entry.Places++ == 0) Touched.Add(neighbour);
            entry.Gained += weight;
            Events.Add((neighbour, place));
            return ref entry;
        }

        internal void Clear()
        {
            foreach (var neighbour in Touched) Neighbours[neighbour] = default;
            Touched.Clear();
            Events.Clear();
        }

        /// <summary>The lists of places of the new pairs that are frequent enough, by the order of <see cref="Touched"/>; null for the others.</summary>
        internal ReadOnlySpan<int[]?> PlaceLists(long minimum)
        {
            if (places.Length < Touched.Count) places = new int[]?[Touched.Count * 2];
            for (var i = 0; i < Touched.Count; i++)
            {
                ref var entry = ref Neighbours[Touched[i]];
                places[i] = entry.Gained >= minimum ? new int[entry.Places] : null;
                // From here on, places is where to find the list.
                entry.Places = i;
            }
            foreach (var (neighbour, place) in Events)
            {
                ref var entry = ref Neighbours[neighbour];
                if (places[entry.Places] is { } list) list[entry.Filled++] = place;
            }
            return places.AsSpan(0, Touched.Count);
        }
    }

    /// <summary>Takes an old pair and how often it ended.</summary>
    internal delegate void LostPair(int left, int right, long weight);

    /// <summary>Takes a new pair, its count and its places in order.</summary>
    internal delegate void GainedPair(int left, int right, long weight, int[] places);

    readonly Side left = new(symbols), right = new(symbols);
    Merge merge;

    /// <summary>Forgets the merge before.</summary>
    internal void Begin(Merge next)
    {
        left.Clear();
        right.Clear();
        merge = next;
    }

    /// <summary>The merged pair has this symbol on its left, at this place.</summary>
    internal void LeftNeighbour(int symbol, int place, long weight)
    {
        ref var entry = ref left.Add(symbol, place, weight);
        // The neighbour may be the result of this very merge: then what ends is a pair that this merge began.
        if (symbol == merge.Result) right.Neighbours[merge.Left].Gained -= weight;
        else entry.Lost += weight;
    }

    /// <summary>The merged pair, which begins at this place, has this symbol on its right.</summary>
    internal void RightNeighbour(int symbol, int place, long weight) => right.Add(symbol, place, weight).Lost += weight;

    /// <summary>Tells of the older pairs that ended.</summary>
    internal void ForEachLost(LostPair action)
    {
        foreach (var symbol in left.Touched) action(symbol, merge.Left, left.Neighbours[symbol].Lost);
        foreach (var symbol in right.Touched) action(merge.Right, symbol, right.Neighbours[symbol].Lost);
    }

    /// <summary>Tells of the pairs with the new symbol that occur at least so often; to be called once a merge.</summary>
    internal void ForEachGained(long minimum, GainedPair action)
    {
        var lists = left.PlaceLists(minimum);
        for (var i = 0; i < lists.Length; i++)
            if (lists[i] is { } places) action(left.Touched[i], merge.Result, left.Neighbours[left.Touched[i]].Gained, places);
        lists = right.PlaceLists(minimum);
        for (var i = 0; i < lists.Length; i++)
            if (lists[i] is { } places) action(merge.Result, right.Touched[i], right.Neighbours[right.Touched[i]].Gained, places);
    }
}
