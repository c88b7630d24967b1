using System.Collections.Concurrent;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Counts the pieces of a stream of documents on several threads, with a few blocks of text in memory at a time.</summary>
sealed class PieceCounter(SplitPattern pattern, int threads, IProgress<BpeTrainingProgress>? progress, int mergesWanted, CancellationToken cancel)
{
    // A whole number of training pieces, so that a text without any cut falls apart at the same places however it is blocked.
    const int Block = 16 * TokenizerLimits.TrainingPiece;
    // What the last piece of a part needs to see of the text behind it: one character.
    const int Lookahead = 4;

    readonly PieceScanner scanner = PieceScanner.For(pattern);
    readonly BlockingCollection<Batch> full = new(2 * threads);
    readonly ConcurrentBag<byte[]> spare = [];
    long bytesRead;

    /// <summary>Stretches of text in one buffer; each is cut into pieces by itself, seeing no further than its <c>Visible</c>.</summary>
    sealed record Batch(byte[] Buffer, List<(int Start, int End, int Visible)> Parts);

    /// <summary>Counts all documents; each stream is disposed when it is read.</summary>
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
            // A worker failed; its exception comes out of the wait below.
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
                // The buffer is full and the document may go on: its rest moves to the next buffer.
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
