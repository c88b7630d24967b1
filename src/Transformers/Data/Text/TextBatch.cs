namespace Transformers.Data.Text;

/// <summary>A batch of text in plain arrays, row by row; the training loop makes tensors of them.</summary>
public sealed class TextBatch
{
    /// <summary>An empty batch of some shape.</summary>
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
    /// <summary>[B, T], whether a target counts in the loss; null: all do.</summary>
    public bool[]? LossMask { get; }
    /// <summary>[B, T], the number of each input's document in its row, from 1; 0 is padding. Null: attention crosses borders.</summary>
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

/// <summary>Draws training batches without end.</summary>
public interface ITextSampler
{
    /// <summary>The position of the next batch.</summary>
    DataPosition State { get; set; }

    /// <summary>The next batch.</summary>
    TextBatch Next();
}
