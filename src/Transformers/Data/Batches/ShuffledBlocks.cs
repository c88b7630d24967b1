using Transformers.Data.Text;
using Transformers.IO;

namespace Transformers.Data.Batches;

/// <summary>Blocks of T tokens side by side, each once an epoch, in a new random order every epoch.</summary>
public sealed class ShuffledBlocks : ITextSampler
{
    readonly SequentialBlocks blocks;
    readonly int rows, length, rank, ranks;
    readonly ulong seed;

    /// <summary>Blocks of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B; a batch may reach over the end of an epoch.</param>
    /// <param name="length">T.</param>
    /// <param name="seed">Decides the orders.</param>
    /// <param name="rank">Which of several processes this is; each takes every <paramref name="ranks"/>-th row.</param>
    /// <param name="ranks">How many processes there are.</param>
    /// <exception cref="UserException">The split has fewer than two tokens, so no target.</exception>
    public ShuffledBlocks(TokenSequence data, int rows, int length, ulong seed, int rank = 0, int ranks = 1)
    {
        SamplerChecks.Shape(rows, length, rank, ranks);
        blocks = new SequentialBlocks(data, 1, length);
        (this.rows, this.length, this.seed, this.rank, this.ranks) = (rows, length, seed, rank, ranks);
    }

    /// <inheritdoc/>
    /// <remarks>The state counts the rows of all processes, so it is the same in each of them.</remarks>
    /// <exception cref="UserException">The split has no such block.</exception>
    public SamplerState State
    {
        get;
        set
        {
            DataPosition.Check(value.Epoch, "block", value.Next, blocks.Blocks);
            field = value;
        }
    }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var (batches, epoch, next, _) = State;
        var taken = new List<TextBatch>(rows);
        var order = new Shuffle(blocks.Blocks, seed, epoch);
        for (var i = 0; i < rows * ranks; i++)
        {
            if (i % ranks == rank) taken.Add(blocks.At(order[next]));
            if (++next < blocks.Blocks) continue;
            (epoch, next) = (epoch + 1, 0);
            order = new Shuffle(blocks.Blocks, seed, epoch);
        }
        State = new(batches + 1, epoch, next);
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
