using Transformers.Data.Text;
using Transformers.IO;

namespace Transformers.Data.Batches;

/// <summary>Blocks of T tokens one after the other without overlap: every target of the split once, the last and shorter block included.</summary>
public sealed class SequentialBlocks : ITextSampler
{
    readonly TokenSequence data;
    readonly int rows, length;

    /// <summary>Blocks of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B; the last batch of an epoch may have fewer rows.</param>
    /// <param name="length">T.</param>
    /// <exception cref="UserException">The split has fewer than two tokens, so no target.</exception>
    public SequentialBlocks(TokenSequence data, int rows, int length)
    {
        SamplerChecks.Shape(rows, length, 0, 1);
        if (data.Count < 2) throw new UserException($"the split has {data.Count} tokens, and at least 2 are needed to predict one");
        (this.data, this.rows, this.length) = (data, rows, length);
        Blocks = (data.Count - 1 + length - 1) / length;
        BatchesPerEpoch = (Blocks + rows - 1) / rows;
    }

    /// <summary>Blocks of the split; all but the last have T targets.</summary>
    public long Blocks { get; }

    /// <summary>Batches that go through the split once.</summary>
    public long BatchesPerEpoch { get; }

    /// <inheritdoc/>
    public SamplerState State { get; set; }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var (batches, epoch, block, _) = State;
        var batch = At(block / rows);
        block += batch.Rows;
        State = block == Blocks ? new(batches + 1, epoch + 1) : new(batches + 1, epoch, block);
        return batch;
    }

    /// <summary>All batches of one epoch, whatever the state.</summary>
    /// <param name="limit">At most so many; null: all.</param>
    public IEnumerable<TextBatch> Epoch(long? limit = null)
    {
        for (long i = 0; i < Math.Min(BatchesPerEpoch, limit ?? long.MaxValue); i++) yield return At(i);
    }

    /// <summary>One batch of the epoch.</summary>
    /// <param name="index">Which, from 0.</param>
    public TextBatch At(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, BatchesPerEpoch);
        var first = index * rows;
        var count = (int)Math.Min(rows, Blocks - first);
        var partial = (first + count) * length > data.Count - 1;
        var batch = new TextBatch(count, length, masked: partial);
        var tokens = new int[length + 1];
        for (var row = 0; row < count; row++)
        {
            var start = (first + row) * length;
            var targets = (int)Math.Min(length, data.Count - 1 - start);
            data.Read(start, tokens.AsSpan(0, targets + 1));
            batch.SetRow(row, tokens.AsSpan(0, targets + 1));
            if (!partial) continue;
            batch.LossMask.AsSpan(row * length, targets).Fill(true);
            batch.TargetCount += targets;
        }
        return batch;
    }
}
