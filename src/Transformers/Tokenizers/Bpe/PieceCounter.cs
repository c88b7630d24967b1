using System.Runtime.CompilerServices;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Counts the pieces of a stream of documents on several threads, with a few blocks of text in memory at a time.</summary>
sealed class PieceCounter(SplitPattern pattern, int threads, IProgress<BpeTrainingProgress>? progress, int mergesWanted, CancellationToken cancel)
{
    // A whole number of training pieces, so that a text without any cut is divided at the same positions for any sizes of blocks.
    const int Block = 16 * TokenizerLimits.TrainingPiece;
    // The end of the last piece of a part depends on the character after it.
    const int Lookahead = 4;

    readonly PieceScanner scanner = PieceScanner.For(pattern);
    readonly BlockingCollection<Batch> full = new(2 * threads);
    readonly ConcurrentBag<byte[]> spare = [];
    long bytesRead;

    /// <summary>Stretches of text in one buffer; each is cut into pieces by itself, seeing no further than its <c>Visible</c>.</summary>
    sealed record Batch(byte[] Buffer, List<(int Start, int End, int Visible)> Parts);

    /// <summary>Counts all documents; each stream is disposed of when it has been read.</summary>
    internal PieceCounts Count(IEnumerable<Stream> documents)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var tables = Enumerable.Range(0, threads).Select(_ => new PieceCounts()).ToArray();
        var workers = tables.Select(table => Task.Factory.StartNew(() => Work(table, stop), TaskCreationOptions.LongRunning)).ToArray();
        try
        {
            Read(documents, stop.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // A worker failed; the wait below throws its exception.
        }
        finally
        {
            full.CompleteAdding();
            Task.WaitAll(workers.Select(worker => worker.ContinueWith(_ => { }, TaskScheduler.Default)).ToArray());
        }
        foreach (var worker in workers) worker.GetAwaiter().GetResult();
        for (var i = 1; i < tables.Length; i++) tables[0].Add(tables[i]);
        return tables[0];
    }

    void Work(PieceCounts table, CancellationTokenSource stop)
    {
        try
        {
            foreach (var batch in full.GetConsumingEnumerable(stop.Token))
            {
                foreach (var (start, end, visible) in batch.Parts) CountPart(batch.Buffer.AsSpan(start, visible - start), end - start, table);
                spare.Add(batch.Buffer);
            }
        }
        catch
        {
            stop.Cancel();
            throw;
        }
    }

    void CountPart(ReadOnlySpan<byte> text, int end, PieceCounts table)
    {
        for (var start = 0; start < end;)
        {
            var next = Math.Min(end, pattern == SplitPattern.None ? EndOfLine(text, start) : scanner.Next(text, start));
            for (; next - start > TokenizerLimits.TrainingPiece; start += TokenizerLimits.TrainingPiece)
                table.Add(text, start, TokenizerLimits.TrainingPiece, 1);
            table.Add(text, start, next - start, 1);
            start = next;
        }
    }

    static int EndOfLine(ReadOnlySpan<byte> text, int start)
    {
        var newline = text[start..].IndexOf((byte)'\n');
        return newline < 0 ? text.Length : start + newline + 1;
    }

    void Read(IEnumerable<Stream> documents, CancellationToken stop)
    {
        var batch = NewBatch();
        var filled = 0;
        foreach (var document in documents)
        {
            using var stream = document;
            var start = filled;
            while (true)
            {
                var read = stream.ReadAtLeast(batch.Buffer.AsSpan(filled), batch.Buffer.Length - filled, throwOnEndOfStream: false);
                filled += read;
                Interlocked.Add(ref bytesRead, read);
                if (filled < batch.Buffer.Length)
                {
                    if (filled > start) batch.Parts.Add((start, filled, filled));
                    break;
                }
                // The buffer is full and the document may continue: its rest moves to the next buffer.
                var cut = start + CutOf(batch.Buffer.AsSpan(start, filled - start), start == 0);
                if (cut > start) batch.Parts.Add((start, cut, Math.Min(filled, cut + Lookahead)));
                var following = NewBatch();
                batch.Buffer.AsSpan(cut, filled - cut).CopyTo(following.Buffer);
                Send(batch, stop);
                (batch, filled, start) = (following, filled - cut, 0);
            }
            stop.ThrowIfCancellationRequested();
        }
        if (batch.Parts.Count > 0) Send(batch, stop);
    }

    /// <summary>Where a part that fills its buffer is cut; 0 if the buffer began with other documents and a whole buffer may show a cut.</summary>
    int CutOf(ReadOnlySpan<byte> text, bool wholeBuffer)
    {
        var cut = pattern == SplitPattern.None ? text.LastIndexOf((byte)'\n') + 1 : scanner.LastCut(text);
        if (cut > 0 || !wholeBuffer) return cut;
        // One piece as long as the buffer: training cuts it, and leaves something to look ahead at.
        return text.Length - TokenizerLimits.TrainingPiece;
    }

    Batch NewBatch() => new(spare.TryTake(out var buffer) ? buffer : new byte[Block], []);

    void Send(Batch batch, CancellationToken stop)
    {
        full.Add(batch, stop);
        progress?.Report(new(Interlocked.Read(ref bytesRead), 0, 0, mergesWanted));
    }
}

/// <summary>Distinct pieces and how often each was seen: an open-addressed table over one growing block of bytes.</summary>
sealed class PieceCounts
{
    struct Entry
    {
        internal PieceKey Key;
        /// <summary>0 marks an empty entry.</summary>
        internal long Count;
        /// <summary>Where a piece of more than sixteen bytes is in the block.</summary>
        internal int Offset;
        internal int Length;
    }

    Entry[] entries = new Entry[1 << 12];
    int shift = 64 - 12;
    byte[] block = new byte[1 << 16];
    int used;

    internal int Distinct { get; private set; }

    /// <summary>Adds to the count of the piece at a position of a text.</summary>
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
            throw new UserException("the corpus has more than 2 GiB of distinct long pieces", hint: "choose a pattern that splits text into words, or a smaller corpus");
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

/// <summary>Up to sixteen bytes of a piece as two words, the rest zero: compared and hashed in a few instructions.</summary>
readonly record struct PieceKey(ulong Low, ulong High)
{
    internal const int MaximumLength = 16;

    /// <summary>The key of a stretch of at most <see cref="MaximumLength"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static PieceKey Of(ReadOnlySpan<byte> text, int start, int length)
    {
        if (start + 16 <= text.Length && BitConverter.IsLittleEndian)
        {
            ref var first = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), start);
            var low = Unsafe.ReadUnaligned<ulong>(ref first);
            if (length <= 8) return new(low & Mask(length), 0);
            return new(low, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref first, 8)) & Mask(length - 8));
        }
        Span<byte> padded = stackalloc byte[16];
        padded.Clear();
        text.Slice(start, length).CopyTo(padded);
        return new(BinaryPrimitives.ReadUInt64LittleEndian(padded), BinaryPrimitives.ReadUInt64LittleEndian(padded[8..]));
    }

    /// <summary>A hash of the key and the piece's length, good in its upper bits.</summary>
    internal ulong Hash(int length)
    {
        var mixed = (Low ^ (ulong)length << 56) * 0x9E3779B97F4A7C15UL;
        mixed ^= mixed >> 32;
        mixed = (mixed ^ High) * 0xD6E8FEB86659FD93UL;
        mixed ^= mixed >> 32;
        return mixed * 0x9E3779B97F4A7C15UL;
    }

    // length is 1 to 8; a shift by 64 would be a shift by nothing.
    static ulong Mask(int length) => ulong.MaxValue >> (64 - 8 * length);
}
