using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Windows of T tokens that start anywhere, each position equally likely, as in nanoGPT; a window may cross documents.</summary>
/// <remarks>The n-th batch depends on nothing but the seed and n.</remarks>
public sealed class RandomWindows : ITextSampler
{
    readonly TokenSequence data;
    readonly int rows, length, rank;
    readonly ulong seed;

    /// <summary>Windows of a split.</summary>
    /// <param name="data">The split.</param>
    /// <param name="rows">B.</param>
    /// <param name="length">T.</param>
    /// <param name="seed">Decides all draws.</param>
    /// <param name="rank">Which of several processes this is; each draws its own rows.</param>
    /// <param name="ranks">How many processes there are; together they draw <c>ranks · B</c> rows.</param>
    /// <exception cref="UserException">The split is shorter than a window and its target.</exception>
    public RandomWindows(TokenSequence data, int rows, int length, ulong seed, int rank = 0, int ranks = 1)
    {
        SamplerChecks.Shape(rows, length, rank, ranks);
        if (data.Count < length + 1L) throw new UserException($"the training text has {data.Count} tokens, and a context of {length} needs at least {length + 1}");
        (this.data, this.rows, this.length, this.seed, this.rank) = (data, rows, length, seed, rank);
    }

    /// <inheritdoc/>
    public DataPosition State { get; set; }

    /// <inheritdoc/>
    public TextBatch Next()
    {
        var batch = new TextBatch(rows, length);
        var tokens = new int[length + 1];
        // One random number a row, so that rows are the same however many processes share them.
        var random = new CounterRandom(seed, (ulong)State.Batches) { Counter = (ulong)rank * (ulong)rows };
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
    public static void Shape(int rows, int length, int rank, int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, ranks);
    }
}
