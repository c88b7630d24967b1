using Transformers.IO;

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
        if (data.Count < length + 1L) throw new UserException($"the training text has {Amount.Of(data.Count, "token")}, but a context of {length} needs at least {length + 1}");
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
