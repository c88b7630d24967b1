using Transformers.IO;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Encodes pieces, one thread's part: its working memory and its cache of the pieces seen last.</summary>
sealed class PieceEncoder
{
    // 32 bytes an entry, two megabytes in all: what a core's second-level cache still serves.
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
            // A piece may hold as many ids as bytes.
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
            // Three ids are always written, and only so many counted: cheaper than a branch on their number.
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
