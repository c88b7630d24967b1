using System.Numerics;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Encodes pieces on one thread, with working memory and a cache of recent pieces.</summary>
sealed class PieceEncoder
{
    // 32 bytes per entry, two megabytes in all, which fit in a core's second-level cache.
    const int CacheBits = 16;
    const int CachedIds = 3;

    struct Entry
    {
        internal PieceKey Key;
        /// <summary>The piece's length times eight plus the number of ids; 0 for an empty entry.</summary>
        internal int Shape;
        internal int First, Second, Third;
    }

    readonly Entry[] cache = new Entry[1 << CacheBits];
    readonly int[] idOfByte;
    readonly PieceScanner scanner;
    readonly PieceMerger merger;
    readonly Dictionary<ReadOnlyMemory<byte>, int>.AlternateLookup<ReadOnlySpan<byte>>? wholePieces;
    int[] output = new int[4096];
    int count;

    internal PieceEncoder(PieceScanner scanner, PairTable pairs, int[] idOfByte, Dictionary<ReadOnlyMemory<byte>, int>? wholePieces)
    {
        (this.scanner, this.idOfByte) = (scanner, idOfByte);
        merger = new PieceMerger(pairs);
        this.wholePieces = wholePieces?.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Encodes the pieces of a text that begin before <paramref name="end"/>.</summary>
    internal void Encode(ReadOnlySpan<byte> text, int end, List<int> ids)
    {
        count = 0;
        for (var start = 0; start < end;)
        {
            var next = scanner.Next(text, start);
            var length = next - start;
            // A piece may have as many ids as bytes.
            if (output.Length - count < Math.Max(length, CachedIds)) MakeRoom(length, ids);
            if (length <= PieceKey.MaximumLength) EncodeCached(text, start, length);
            else EncodeUncached(text.Slice(start, length));
            start = next;
        }
        ids.AddRange(output.AsSpan(0, count));
        count = 0;
    }

    void MakeRoom(int length, List<int> ids)
    {
        ids.AddRange(output.AsSpan(0, count));
        count = 0;
        if (output.Length < length) output = new int[length];
    }

    void EncodeCached(ReadOnlySpan<byte> text, int start, int length)
    {
        var key = PieceKey.Of(text, start, length);
        ref var entry = ref cache[key.Hash(length) >> (64 - CacheBits)];
        if (entry.Shape >> 3 == length && entry.Key == key)
        {
            // Always writes three ids but counts only the real ones, which is cheaper than a branch on their number.
            var room = output.AsSpan(count, CachedIds);
            (room[0], room[1], room[2]) = (entry.First, entry.Second, entry.Third);
            count += entry.Shape & 7;
            return;
        }
        var before = count;
        EncodeUncached(text.Slice(start, length));
        var made = count - before;
        if (made > CachedIds) return;
        entry.Key = key;
        entry.Shape = length << 3 | made;
        entry.First = output[before];
        entry.Second = made > 1 ? output[before + 1] : 0;
        entry.Third = made > 2 ? output[before + 2] : 0;
    }

    void EncodeUncached(ReadOnlySpan<byte> piece)
    {
        if (wholePieces is { } lookup && lookup.TryGetValue(piece, out var whole))
        {
            output[count++] = whole;
            return;
        }
        var symbols = merger.Symbols(piece.Length);
        for (var i = 0; i < piece.Length; i++)
        {
            symbols[i] = idOfByte[piece[i]];
            if (symbols[i] < 0)
                throw new UserException($"byte 0x{piece[i]:X2} of the text is not in the tokenizer's vocabulary",
                    hint: "the vocabulary was made without all 256 bytes");
        }
        var left = merger.Merge(symbols);
        symbols[..left].CopyTo(output.AsSpan(count));
        count += left;
    }
}

/// <summary>Compares byte strings by content, also against spans.</summary>
sealed class ByteStringComparer : IEqualityComparer<ReadOnlyMemory<byte>>, IAlternateEqualityComparer<ReadOnlySpan<byte>, ReadOnlyMemory<byte>>
{
    internal static readonly ByteStringComparer Instance = new();

    public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);
    public int GetHashCode(ReadOnlyMemory<byte> bytes) => GetHashCode(bytes.Span);
    public bool Equals(ReadOnlySpan<byte> alternate, ReadOnlyMemory<byte> other) => alternate.SequenceEqual(other.Span);
    public ReadOnlyMemory<byte> Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

    public int GetHashCode(ReadOnlySpan<byte> bytes)
    {
        var hash = new HashCode();
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }
}

/// <summary>Merges the symbols of one piece in the order of the merges' ranks, the leftmost pair of a rank first.</summary>
/// <remarks>Keeps its working memory between pieces, so it belongs to one thread at a time.</remarks>
sealed class PieceMerger(PairTable pairs)
{
    // Below this length, shifting short arrays is faster than a heap.
    const int Short = 96;
    int[] symbols = new int[256];
    readonly int[] ranks = new int[Short];
    int[] previous = [], next = [], rankAt = [];

    internal int Merge(Span<int> piece) => piece.Length <= Short ? MergeShort(piece) : MergeLong(piece);

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

/// <summary>The merges of a vocabulary: from a pair of ids to the merge's rank, in one flat table with open addressing.</summary>
sealed class PairTable
{
    /// <summary>What <see cref="Rank"/> returns for a pair that never merges; worse than every rank.</summary>
    internal const int NoRank = int.MaxValue;

    const ulong Empty = ulong.MaxValue;
    readonly (ulong Key, int Rank)[] slots;
    readonly int shift;
    readonly int[] results;

    /// <summary>The table of merges whose ranks are their positions in a list.</summary>
    internal PairTable(IReadOnlyList<Merge> merges) : this(merges, [.. Enumerable.Range(0, merges.Count)]) { }

    /// <summary>The table of merges with given ranks; merges of the same rank make the same token, and the leftmost in a text comes first.</summary>
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
