namespace Transformers.Tokenizers;

/// <summary>What one merge does to the counts of pairs, summed by neighbour before the pairs are looked up.</summary>
sealed class MergeEffects(int symbols)
{
    /// <summary>One side of the merged pair: weights by neighbour, and the neighbours that have one.</summary>
    sealed class Side(int symbols)
    {
        internal readonly long[] Lost = new long[symbols];
        internal readonly long[] Gained = new long[symbols];
        internal readonly int[] Places = new int[symbols];
        internal readonly List<int> Touched = [];
        /// <summary>Neighbour and place of each new pair, in order of places.</summary>
        internal readonly List<(int Neighbour, int Place)> Events = [];

        internal void Add(int neighbour, int lostPlace, long weight)
        {
            if (Lost[neighbour] == 0 && Gained[neighbour] == 0 && Places[neighbour] == 0) Touched.Add(neighbour);
            Gained[neighbour] += weight;
            Places[neighbour]++;
            Events.Add((neighbour, lostPlace));
        }

        internal void Clear()
        {
            foreach (var neighbour in Touched) (Lost[neighbour], Gained[neighbour], Places[neighbour]) = (0, 0, 0);
            Touched.Clear();
            Events.Clear();
        }
    }

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
        left.Add(symbol, place, weight);
        // The neighbour may be the result of this very merge: then what ends is a pair that this merge began.
        if (symbol == merge.Result) right.Gained[merge.Left] -= weight;
        else left.Lost[symbol] += weight;
    }

    /// <summary>The merged pair, which begins at this place, has this symbol on its right.</summary>
    internal void RightNeighbour(int symbol, int place, long weight)
    {
        right.Add(symbol, place, weight);
        right.Lost[symbol] += weight;
    }

    /// <summary>The older pairs that ended, and how often.</summary>
    internal IEnumerable<(int Left, int Right, long Weight)> Lost()
    {
        foreach (var symbol in left.Touched) yield return (symbol, merge.Left, left.Lost[symbol]);
        foreach (var symbol in right.Touched) yield return (merge.Right, symbol, right.Lost[symbol]);
    }

    /// <summary>The pairs with the new symbol that occur at least so often, with their places in order.</summary>
    internal IEnumerable<(int Left, int Right, long Weight, int[] Places)> Gained(long minimum)
    {
        foreach (var (symbol, weight, places) in Gained(left, minimum)) yield return (symbol, merge.Result, weight, places);
        foreach (var (symbol, weight, places) in Gained(right, minimum)) yield return (merge.Result, symbol, weight, places);
    }

    static IEnumerable<(int Symbol, long Weight, int[] Places)> Gained(Side side, long minimum)
    {
        var lists = new Dictionary<int, (int[] Places, int Filled)>();
        foreach (var symbol in side.Touched)
            if (side.Gained[symbol] >= minimum) lists[symbol] = (new int[side.Places[symbol]], 0);
        foreach (var (symbol, place) in side.Events)
        {
            if (side.Gained[symbol] < minimum) continue;
            ref var list = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(lists, symbol);
            list.Places[list.Filled++] = place;
        }
        foreach (var (symbol, list) in lists) yield return (symbol, side.Gained[symbol], list.Places);
    }
}
