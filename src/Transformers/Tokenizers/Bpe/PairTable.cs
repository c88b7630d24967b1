using System.Numerics;

namespace Transformers.Tokenizers.Bpe;

/// <summary>The merges of a vocabulary: from a pair of ids to the merge's rank, in one flat table with open addressing.</summary>
sealed class PairTable
{
    /// <summary>What <see cref="Rank"/> gives for a pair that never merges; worse than every rank.</summary>
    internal const int NoRank = int.MaxValue;

    const ulong Empty = ulong.MaxValue;
    readonly (ulong Key, int Rank)[] slots;
    readonly int shift;
    readonly int[] results;

    /// <summary>The table of merges whose ranks are their positions in a list.</summary>
    internal PairTable(IReadOnlyList<Merge> merges) : this(merges, [.. Enumerable.Range(0, merges.Count)]) { }

    /// <summary>The table of merges of given ranks; those of one rank make the same token, and the leftmost in a text comes first.</summary>
    internal PairTable(IReadOnlyList<Merge> merges, IReadOnlyList<int> ranks)
    {
        var bits = Math.Max(4, BitOperations.Log2((uint)Math.Max(1, merges.Count)) + 2);
        slots = new (ulong, int)[1 << bits];
        shift = 64 - bits;
        Array.Fill(slots, (Empty, NoRank));
        results = new int[ranks.Count == 0 ? 0 : ranks.Max() + 1];
        for (var i = 0; i < merges.Count; i++)
        {
            var (left, right, result) = merges[i];
            var rank = ranks[i];
            var key = Key(left, right);
            var at = Home(key);
            while (slots[at].Key != Empty && slots[at].Key != key) at = (at + 1) & (slots.Length - 1);
            if (slots[at].Key == Empty) slots[at] = (key, rank);
            results[rank] = result;
        }
    }

    /// <summary>The rank of the merge of two neighbours, <see cref="NoRank"/> if there is none.</summary>
    internal int Rank(int left, int right)
    {
        var key = Key(left, right);
        var table = slots;
        for (var at = Home(key); ; at = (at + 1) & (table.Length - 1))
        {
            ref var slot = ref table[at];
            if (slot.Key == key) return slot.Rank;
            if (slot.Key == Empty) return NoRank;
        }
    }

    /// <summary>The id that the merge of a rank makes.</summary>
    internal int Result(int rank) => results[rank];

    static ulong Key(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

    int Home(ulong key)
    {
        // The first product spreads each half over the whole word; the fold lets the left half reach the top bits too.
        var mixed = key * 0x9E3779B97F4A7C15UL;
        return (int)((mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93UL >> shift);
    }
}

/// <summary>One merge: two ids become a third.</summary>
readonly record struct Merge(int Left, int Right, int Result);
