namespace Transformers.Tokenizers.Bpe;

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
