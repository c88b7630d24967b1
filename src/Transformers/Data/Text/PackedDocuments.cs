namespace Transformers.Data.Text;

/// <summary>Whole documents packed into rows, in a new random order each epoch; what is left of a row is padding.</summary>
/// <remarks>
/// A document goes into the first row of the batch that has room for it; the first one that fits in no row opens the next batch. One
/// that is longer than a row is cut into rows, so that each of its targets occurs once: a further part starts with the last target of the
/// part before. With attention across borders, the first token of a document is a target too; without, it is not, and
/// <see cref="TextBatch.Segments"/> distinguishes the documents of a row.
/// </remarks>
public sealed class PackedDocuments : ITextSampler
{
    readonly Documents documents;
    readonly int rows, length;
    readonly bool acrossBorders;
    readonly ulong seed;

    /// <summary>Packs the documents of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">T.</param>
    /// <param name="seed">The seed of the order.</param>
    /// <param name="acrossBorders">Whether a token may attend to the documents before its own in the row.</param>
    /// <param name="start">The id of the token before each document, or with attention across borders before the first of a row; null for none.</param>
    /// <exception cref="UserException">No document has a target.</exception>
    public PackedDocuments(TokenSequence data, int rows, int length, ulong seed, bool acrossBorders = false, int? start = null)
    {
        SamplerChecks.Shape(rows, length);
        documents = new(data, start);
        if (data.DocumentCount < 1 || !documents.HaveTarget())
            throw new UserException($"the split has {Amount.Of(data.DocumentCount, "document")} and {Amount.Of(data.Count, "token")}: too few to pack");
        (this.rows, this.length, this.seed, this.acrossBorders) = (rows, length, seed, acrossBorders);
    }

    /// <inheritdoc/>
    /// <exception cref="UserException">The split has no such document.</exception>
    public DataPosition State
    {
        get;
        set
        {
            value.Check("document", documents.Count);
            field = value;
        }
    }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var state = State;
        var batch = Fill(ref state, position => new Shuffle(documents.Count, seed, position.Epoch)[position.Next]);
        State = state with { Batches = state.Batches + 1 };
        return batch;
    }

    /// <summary>All documents once, in their own order, packed as for training.</summary>
    /// <param name="limit">The maximum number of batches; null for all.</param>
    public IEnumerable<TextBatch> InOrder(long? limit = null)
    {
        for (var state = default(DataPosition); state.Epoch == 0 && !(state.Batches >= limit); state = state with { Batches = state.Batches + 1 })
            yield return Fill(ref state, position => position.Epoch == 0 ? position.Next : null);
    }

    // Fills a batch from a position on; null from the order ends the data.
    TextBatch Fill(ref DataPosition state, Func<DataPosition, long?> order)
    {
        var batch = new TextBatch(rows, length, masked: true, segmented: !acrossBorders);
        // A row is filled as T + 1 tokens: the last is only a target.
        var tokens = new int[rows][];
        var used = new int[rows];
        var segments = new int[rows];
        for (var row = 0; row < rows; row++) tokens[row] = new int[length + 1];
        while (order(state) is { } document && Place(ref state, document, batch, tokens, used, segments)) { }
        for (var row = 0; row < rows; row++) batch.SetRow(row, tokens[row]);
        return batch;
    }

    // Puts a document, or the next part of a long one, into a row; false when none has room.
    bool Place(ref DataPosition state, long document, TextBatch batch, int[][] tokens, int[] used, int[] segments)
    {
        // In a row without borders, the end of the document before is the token before the next.
        var offset = state.Offset;
        var left = documents.LengthOf(document) - offset;
        var count = (int)Math.Min(left, length + 1);
        if (left >= 2)
        {
            var unstarted = acrossBorders && documents.Start is not null && offset == 0 ? 1 : 0;
            var row = Array.FindIndex(used, u => u + count - (u > 0 ? unstarted : 0) <= length + 1);
            if (row < 0) return false;
            var skipped = used[row] > 0 ? unstarted : 0;
            var placed = count - skipped;
            documents.Read(document, offset + skipped, tokens[row].AsSpan(used[row], placed));
            Mark(batch, row, used[row], placed, ++segments[row], continues: offset > 0);
            used[row] += placed;
        }
        // The last target of a part is the first input of the next.
        if (left > count) state = state with { Offset = offset + count - 1 };
        else state = state.Next + 1 < documents.Count ? state with { Next = state.Next + 1, Offset = 0 } : state with { Epoch = state.Epoch + 1, Next = 0, Offset = 0 };
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
}

/// <summary>Whole documents, each in a row of its own: every target of the split once, in the order of the documents.</summary>
/// <remarks>A document that is longer than a row is cut as <see cref="PackedDocuments"/> cuts it. Rows of similar length share a batch, which is as long as its longest row.</remarks>
static class DocumentRows
{
    const int BatchesAtOnce = 32;

    /// <summary>The batches of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B; batches may have fewer rows.</param>
    /// <param name="length">The maximum number of tokens of a row.</param>
    /// <param name="start">The id of the token before each document; null for none.</param>
    /// <param name="limit">The maximum number of batches; null for all.</param>
    public static IEnumerable<TextBatch> Of(TokenSequence data, int rows, int length, int? start, long? limit = null)
    {
        var documents = new Documents(data, start);
        foreach (var parts in PartsOf(documents, length).Take((int)Math.Min(int.MaxValue, (limit ?? int.MaxValue) * rows)).Chunk(rows * BatchesAtOnce))
            foreach (var batch in parts.OrderByDescending(part => part.Count).Chunk(rows)) yield return Rows(documents, batch);
    }

    // The last target of a part is the first input of the next.
    static IEnumerable<(long Document, long Offset, int Count)> PartsOf(Documents documents, int length)
    {
        for (long document = 0; document < documents.Count; document++)
        {
            var left = documents.LengthOf(document);
            for (long offset = 0; left - offset >= 2; offset += length) yield return (document, offset, (int)Math.Min(left - offset, length + 1));
        }
    }

    static TextBatch Rows(Documents documents, (long Document, long Offset, int Count)[] parts)
    {
        // Padding is at the end, so no earlier token attends to it.
        var batch = new TextBatch(parts.Length, parts[0].Count - 1, masked: true);
        var tokens = new int[parts[0].Count];
        for (var row = 0; row < parts.Length; row++)
        {
            var (document, offset, count) = parts[row];
            documents.Read(document, offset, tokens.AsSpan(0, count));
            batch.SetRow(row, tokens.AsSpan(0, count));
            batch.LossMask.AsSpan(row * batch.Length, count - 1).Fill(true);
            batch.TargetCount += count - 1;
        }
        return batch;
    }
}
