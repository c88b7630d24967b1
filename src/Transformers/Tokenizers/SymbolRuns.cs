namespace Transformers.Tokenizers;

/// <summary>All distinct pieces laid end to end as symbols, with what it takes to step left and right as they merge.</summary>
sealed class SymbolRuns
{
    const int Gone = -1;

    // A symbol stands at the place of its first byte; the other places of its bytes hold Gone.
    readonly int[] symbols;
    // One less than the symbol's bytes, at its first and its last place: a step in either direction is one look-up.
    readonly ushort[] extents;
    readonly int[] pieceOf;
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
        symbols = new int[places];
        extents = new ushort[places];
        pieceOf = new int[places];
        weights = new long[pieces];
        int place = 0, index = 0;
        counts.ForEach((piece, count) =>
        {
            if (piece.Length < 2) return;
            weights[index] = count;
            foreach (var b in piece)
            {
                pieceOf[place] = index;
                symbols[place++] = b;
            }
            index++;
        });
    }

    /// <summary>Calls an action for each two neighbouring bytes with the left one's place, both bytes in one number, and the piece's count.</summary>
    internal void ForEachNeighbours(Action<int, int, long> action)
    {
        for (var place = 0; place + 1 < symbols.Length; place++)
            if (pieceOf[place] == pieceOf[place + 1]) action(place, symbols[place] << 8 | symbols[place + 1], weights[pieceOf[place]]);
    }

    /// <summary>Merges the pair at a place, if it is still there, and notes which neighbourhoods that ends and begins.</summary>
    internal void Merge(int place, Merge merge, MergeEffects effects)
    {
        if (symbols[place] != merge.Left) return;
        var piece = pieceOf[place];
        var second = place + extents[place] + 1;
        if (second >= symbols.Length || symbols[second] != merge.Right || pieceOf[second] != piece) return;

        var weight = weights[piece];
        if (place > 0 && pieceOf[place - 1] == piece)
        {
            var before = place - 1 - extents[place - 1];
            effects.LeftNeighbour(symbols[before], before, weight);
        }
        var behind = second + extents[second] + 1;
        if (behind < symbols.Length && pieceOf[behind] == piece) effects.RightNeighbour(symbols[behind], place, weight);

        symbols[place] = merge.Result;
        symbols[second] = Gone;
        extents[place] = extents[behind - 1] = (ushort)(behind - place - 1);
    }
}
