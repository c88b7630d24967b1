using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Whole documents packed into rows, in a new random order each epoch; what is left of a row is padding.</summary>
/// <remarks>
/// A document goes into the first row of the batch that has room for it; the first one that fits in no row opens the next batch. One
/// that is longer than a row is cut into rows, and each part but the first repeats no token: it starts with the last target of the
/// part before. With attention across borders, the first token of a document is a target too; without, it is not, and
/// <see cref="TextBatch.Segments"/> distinguishes the documents of a row.
/// </remarks>
public sealed class PackedDocuments : ITextSampler
{
    readonly TokenSequence data;
    readonly int rows, length, rank, ranks;
    readonly bool acrossBorders;
    readonly ulong seed;

    /// <summary>Packs the documents of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">T.</param>
    /// <param name="seed">Decides the order.</param>
    /// <param name="acrossBorders">Whether a token may attend to the documents before its own in the row.</param>
    /// <param name="rank">Which of several processes this is; each takes every <paramref name="ranks"/>-th document.</param>
    /// <param name="ranks">How many processes there are.</param>
    /// <exception cref="UserException">There is no document with a target for this process.</exception>
    public PackedDocuments(TokenSequence data, int rows, int length, ulong seed, bool acrossBorders = false, int rank = 0, int ranks = 1)
    {
        SamplerChecks.Shape(rows, length, rank, ranks);
        if (data.DocumentCount < ranks || !HasTarget(data))
            throw new UserException($"the split has {data.DocumentCount} documents and {data.Count} tokens: too few to pack for {ranks} processes");
        (this.data, this.rows, this.length, this.seed, this.acrossBorders, this.rank, this.ranks) = (data, rows, length, seed, acrossBorders, rank, ranks);
    }

    /// <inheritdoc/>
    /// <exception cref="UserException">The split has no such document.</exception>
    public DataPosition State
    {
        get;
        set
        {
            value.Check("document", Share);
            field = value;
        }
    }

    // Documents of this process.
    long Share => (data.DocumentCount - rank + ranks - 1) / ranks;

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var batch = new TextBatch(rows, length, masked: true, segmented: !acrossBorders);
        // A row is filled as T + 1 tokens: the last is only a target.
        var tokens = new int[rows][];
        var used = new int[rows];
        var segments = new int[rows];
        for (var row = 0; row < rows; row++) tokens[row] = new int[length + 1];
        var state = State;
        while (Place(ref state, batch, tokens, used, segments)) { }
        for (var row = 0; row < rows; row++) batch.SetRow(row, tokens[row]);
        State = state with { Batches = state.Batches + 1 };
        return batch;
    }

    // Puts the next document, or the next part of a long one, into a row; false when none has room.
    bool Place(ref DataPosition state, TextBatch batch, int[][] tokens, int[] used, int[] segments)
    {
        var document = new Shuffle(data.DocumentCount, seed, state.Epoch)[state.Next * ranks + rank];
        var start = data.DocumentStart(document) + state.Offset;
        var left = data.DocumentEnd(document) - start;
        var count = (int)Math.Min(left, length + 1);
        if (left >= 2)
        {
            var row = Array.FindIndex(used, u => u + count <= length + 1);
            if (row < 0) return false;
            data.Read(start, tokens[row].AsSpan(used[row], count));
            Mark(batch, row, used[row], count, ++segments[row], continues: state.Offset > 0);
            used[row] += count;
        }
        // The last target of a part is the first input of the next.
        if (left > count) state = state with { Offset = state.Offset + count - 1 };
        else state = state.Next + 1 < Share ? state with { Next = state.Next + 1, Offset = 0 } : state with { Epoch = state.Epoch + 1, Next = 0, Offset = 0 };
        return true;
    }

    // Position t of a row is the input t and the target of input t - 1.
    void Mark(TextBatch batch, int row, int from, int count, int segment, bool continues)
    {
        var at = row * length;
        // What a part of a long document starts with was a target in the part before.
        var firstTarget = acrossBorders && from > 0 && !continues ? from : from + 1;
        batch.LossMask.AsSpan(at + firstTarget - 1, from + count - firstTarget).Fill(true);
        batch.TargetCount += from + count - firstTarget;
        if (batch.Segments is { } ids) ids.AsSpan(at + from, Math.Min(count, length - from)).Fill(segment);
    }

    // A document of one token has no target; a split of nothing else would be searched forever.
    static bool HasTarget(TokenSequence data)
    {
        for (long i = 0, start = 0; i < data.DocumentCount; i++)
        {
            var end = data.DocumentEnd(i);
            if (end - start >= 2) return true;
            start = end;
        }
        return false;
    }
}
