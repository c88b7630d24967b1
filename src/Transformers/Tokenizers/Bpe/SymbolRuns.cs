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
