namespace Transformers.Data.Text;

/// <summary>Windows of T tokens that start anywhere, each position equally likely, as in nanoGPT; a window may cross documents.</summary>
/// <remarks>The n-th batch depends on nothing but the seed and n.</remarks>
public sealed class RandomWindows : ITextSampler
{
    readonly TokenSequence data;
    readonly int rows, length;
    readonly ulong seed;

    /// <summary>Windows of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">T.</param>
    /// <param name="seed">The seed of all draws.</param>
    /// <exception cref="UserException">The split is shorter than a window and its target.</exception>
    public RandomWindows(TokenSequence data, int rows, int length, ulong seed)
    {
        SamplerChecks.Shape(rows, length);
        if (data.Count < length + 1L) throw new UserException($"the training text has {Amount.Of(data.Count, "token")}, but a context of {length} needs at least {length + 1}", "lower model.context, or name more text");
        (this.data, this.rows, this.length, this.seed) = (data, rows, length, seed);
    }

    /// <inheritdoc/>
    public DataPosition State { get; set; }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var batch = new TextBatch(rows, length);
        var tokens = new int[length + 1];
        var random = new CounterRandom(seed, (ulong)State.Batches);
        for (var row = 0; row < rows; row++)
        {
            data.Read(random.NextInt64(data.Count - length), tokens);
            batch.SetRow(row, tokens);
        }
        State = State with { Batches = State.Batches + 1 };
        return batch;
    }
}

static class SamplerChecks
{
    public static void Shape(int rows, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
    }
}

/// <summary>A batch of text in plain arrays, row by row; the training loop makes tensors of them.</summary>
public sealed class TextBatch
{
    /// <summary>An empty batch of a given shape.</summary>
    /// <param name="rows">B.</param>
    /// <param name="length">T.</param>
    /// <param name="masked">Whether some targets do not count.</param>
    /// <param name="segmented">Whether attention ends at document borders.</param>
    public TextBatch(int rows, int length, bool masked = false, bool segmented = false)
    {
        (Rows, Length) = (rows, length);
        Inputs = new long[rows * length];
        Targets = new long[rows * length];
        LossMask = masked ? new bool[rows * length] : null;
        Segments = segmented ? new int[rows * length] : null;
        TargetCount = masked ? 0 : rows * length;
    }

    /// <summary>B.</summary>
    public int Rows { get; }
    /// <summary>T.</summary>
    public int Length { get; }
    /// <summary>[B, T], ids. Padding is id 0.</summary>
    public long[] Inputs { get; }
    /// <summary>[B, T], the id after each input.</summary>
    public long[] Targets { get; }
    /// <summary>[B, T], whether a target counts in the loss; null if all do.</summary>
    public bool[]? LossMask { get; }
    /// <summary>[B, T], the number of each input's document in its row, from 1; 0 is padding. Null if attention crosses borders.</summary>
    public int[]? Segments { get; }
    /// <summary>How many targets count in the loss.</summary>
    public int TargetCount { get; internal set; }

    /// <summary>Fills a row with T + 1 tokens: the inputs, and the same moved by one as targets.</summary>
    internal void SetRow(int row, ReadOnlySpan<int> tokens)
    {
        var at = row * Length;
        for (var t = 0; t < tokens.Length - 1; t++)
        {
            Inputs[at + t] = tokens[t];
            Targets[at + t] = tokens[t + 1];
        }
    }
}

/// <summary>An endless sequence of training batches.</summary>
public interface ITextSampler
{
    /// <summary>The position of the next batch.</summary>
    DataPosition State { get; set; }

    /// <summary>The next batch.</summary>
    TextBatch Next();
}

/// <summary>Blocks of T tokens one after the other without overlap: every target of the split once, including those of the last, shorter block.</summary>
public sealed class SequentialBlocks : ITextSampler
{
    readonly TokenSequence data;
    readonly int rows, length;

    /// <summary>Blocks of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B; the last batch of an epoch may have fewer rows.</param>
    /// <param name="length">T.</param>
    /// <exception cref="UserException">The split has fewer than two tokens, and so no target.</exception>
    public SequentialBlocks(TokenSequence data, int rows, int length)
    {
        SamplerChecks.Shape(rows, length);
        if (data.Count < 2) throw new UserException($"the split has {Amount.Of(data.Count, "token")}, but at least 2 are needed to predict one");
        (this.data, this.rows, this.length) = (data, rows, length);
        Blocks = (data.Count - 1 + length - 1) / length;
        BatchesPerEpoch = (Blocks + rows - 1) / rows;
    }

    /// <summary>Blocks of the split; all but the last have T targets.</summary>
    public long Blocks { get; }

    /// <summary>Batches per pass over the split.</summary>
    public long BatchesPerEpoch { get; }

    /// <inheritdoc/>
    public DataPosition State { get; set; }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var (epoch, block, _, batches) = State;
        var batch = At(block / rows);
        block += batch.Rows;
        State = block == Blocks ? new(epoch + 1, 0, 0, batches + 1) : new(epoch, block, 0, batches + 1);
        return batch;
    }

    /// <summary>All batches of one epoch, regardless of the position.</summary>
    /// <param name="limit">The maximum number of batches; null for all.</param>
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

/// <summary>Consecutive blocks of T tokens, each once per epoch, in a new random order every epoch.</summary>
public sealed class ShuffledBlocks : ITextSampler
{
    readonly SequentialBlocks blocks;
    readonly int rows, length;
    readonly ulong seed;

    /// <summary>Blocks of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B; a batch may extend past the end of an epoch.</param>
    /// <param name="length">T.</param>
    /// <param name="seed">The seed of the orders.</param>
    /// <exception cref="UserException">The split has fewer than two tokens, and so no target.</exception>
    public ShuffledBlocks(TokenSequence data, int rows, int length, ulong seed)
    {
        SamplerChecks.Shape(rows, length);
        blocks = new SequentialBlocks(data, 1, length);
        (this.rows, this.length, this.seed) = (rows, length, seed);
    }

    /// <inheritdoc/>
    /// <exception cref="UserException">The split has no such block.</exception>
    public DataPosition State
    {
        get;
        set
        {
            value.Check("block", blocks.Blocks);
            field = value;
        }
    }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var (epoch, next, _, batches) = State;
        var taken = new List<TextBatch>(rows);
        var order = new Shuffle(blocks.Blocks, seed, epoch);
        for (var i = 0; i < rows; i++)
        {
            taken.Add(blocks.At(order[next]));
            if (++next < blocks.Blocks) continue;
            (epoch, next) = (epoch + 1, 0);
            order = new Shuffle(blocks.Blocks, seed, epoch);
        }
        State = new(epoch, next, 0, batches + 1);
        return Stack(taken);
    }

    // Only the block at the end of the split has a mask.
    TextBatch Stack(List<TextBatch> taken)
    {
        var masked = taken.Any(b => b.LossMask is not null);
        var batch = new TextBatch(rows, length, masked);
        for (var row = 0; row < rows; row++)
        {
            taken[row].Inputs.CopyTo(batch.Inputs, row * length);
            taken[row].Targets.CopyTo(batch.Targets, row * length);
            if (!masked) continue;
            batch.LossMask.AsSpan(row * length, length).Fill(true);
            taken[row].LossMask?.CopyTo(batch.LossMask!, row * length);
            batch.TargetCount += taken[row].TargetCount;
        }
        return batch;
    }
}

/// <summary>A random order of 0 … n−1 that is computed position by position, without memory.</summary>
/// <remarks>Four rounds of a Feistel network over the next power of four, walked until the result is below n
/// (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, §4).</remarks>
readonly struct Shuffle
{
    const int Rounds = 4;

    readonly long count;
    readonly ulong seed, epoch;
    readonly int halfBits;

    public Shuffle(long count, ulong seed, long epoch)
    {
        (this.count, this.seed, this.epoch) = (count, seed, (ulong)epoch);
        while (count > 1L << (2 * halfBits)) halfBits++;
    }

    /// <summary>The number at a position of the order.</summary>
    public long this[long position]
    {
        get
        {
            var value = (ulong)position;
            do value = Permute(value); while (value >= (ulong)count);
            return (long)value;
        }
    }

    ulong Permute(ulong value)
    {
        var mask = (1UL << halfBits) - 1;
        var (left, right) = (value >> halfBits, value & mask);
        for (var round = 0; round < Rounds; round++)
        {
            var random = new CounterRandom(seed ^ (ulong)round << 56, epoch) { Counter = right };
            (left, right) = (right, left ^ random.NextUInt64() & mask);
        }
        return left << halfBits | right;
    }
}
