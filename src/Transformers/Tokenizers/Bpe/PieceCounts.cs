using System.Runtime.InteropServices;
using Transformers.IO;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Distinct pieces and how often each was seen: an open-addressed table over one growing block of bytes.</summary>
sealed class PieceCounts
{
    struct Entry
    {
        /// <summary>The first sixteen bytes.</summary>
        internal PieceKey Key;
        /// <summary>0 marks an empty entry.</summary>
        internal long Count;
        /// <summary>Where a piece of more than sixteen bytes lies in the block.</summary>
        internal int Offset;
        internal int Length;
    }

    Entry[] entries = new Entry[1 << 12];
    int shift = 64 - 12;
    byte[] block = new byte[1 << 16];
    int used;

    /// <summary>Number of distinct pieces.</summary>
    internal int Distinct { get; private set; }

    /// <summary>Adds to the count of the piece that stands at a place of a text.</summary>
    internal void Add(ReadOnlySpan<byte> text, int start, int length, long count)
    {
        var inline = length <= PieceKey.MaximumLength;
        var key = PieceKey.Of(text, start, Math.Min(length, PieceKey.MaximumLength));
        var hash = inline ? key.Hash(length) : LongHash(text.Slice(start, length));
        for (var at = (int)(hash >> shift); ; at = (at + 1) & (entries.Length - 1))
        {
            ref var entry = ref entries[at];
            if (entry.Count == 0)
            {
                entry = new Entry { Key = key, Count = count, Length = length, Offset = inline ? 0 : Store(text.Slice(start, length)) };
                if (++Distinct * 2 > entries.Length) Grow();
                return;
            }
            if (entry.Length == length && entry.Key == key && (inline || LongBytes(entry).SequenceEqual(text.Slice(start, length))))
            {
                entry.Count += count;
                return;
            }
        }
    }

    /// <summary>Adds all counts of another table.</summary>
    internal void Add(PieceCounts other)
    {
        Span<byte> bytes = stackalloc byte[PieceKey.MaximumLength];
        foreach (ref var entry in other.entries.AsSpan())
        {
            if (entry.Count == 0) continue;
            var piece = other.Bytes(entry, bytes);
            Add(piece, 0, piece.Length, entry.Count);
        }
    }

    /// <summary>Calls an action with each piece and its count, in no particular order.</summary>
    internal void ForEach(Action<ReadOnlySpan<byte>, long> action)
    {
        Span<byte> bytes = stackalloc byte[PieceKey.MaximumLength];
        foreach (ref var entry in entries.AsSpan())
            if (entry.Count > 0) action(Bytes(entry, bytes), entry.Count);
    }

    ReadOnlySpan<byte> LongBytes(in Entry entry) => block.AsSpan(entry.Offset, entry.Length);

    ReadOnlySpan<byte> Bytes(in Entry entry, Span<byte> room)
    {
        if (entry.Length > PieceKey.MaximumLength) return LongBytes(entry);
        var key = entry.Key;
        MemoryMarshal.Write(room, in key);
        return room[..entry.Length];
    }

    int Store(ReadOnlySpan<byte> piece)
    {
        if (used + (long)piece.Length > Array.MaxLength)
            throw new UserException("the corpus has more than 2 GiB of distinct long pieces", hint: "choose a pattern that cuts words, or a smaller corpus");
        if (used + piece.Length > block.Length)
            Array.Resize(ref block, (int)Math.Min(Array.MaxLength, Math.Max(block.Length * 2L, used + (long)piece.Length)));
        piece.CopyTo(block.AsSpan(used));
        used += piece.Length;
        return used - piece.Length;
    }

    void Grow()
    {
        var old = entries;
        entries = new Entry[old.Length * 2];
        shift--;
        foreach (ref var entry in old.AsSpan())
        {
            if (entry.Count == 0) continue;
            var hash = entry.Length <= PieceKey.MaximumLength ? entry.Key.Hash(entry.Length) : LongHash(LongBytes(entry));
            var at = (int)(hash >> shift);
            while (entries[at].Count != 0) at = (at + 1) & (entries.Length - 1);
            entries[at] = entry;
        }
    }

    static ulong LongHash(ReadOnlySpan<byte> piece)
    {
        var hash = (ulong)piece.Length;
        for (var i = 0; i < piece.Length; i += 16)
        {
            var length = Math.Min(16, piece.Length - i);
            var key = PieceKey.Of(piece, i, length);
            hash = new PieceKey(key.Low ^ hash, key.High).Hash(length);
        }
        return hash;
    }
}
