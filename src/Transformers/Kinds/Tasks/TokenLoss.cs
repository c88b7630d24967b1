using TorchSharp;
using Transformers.Data.Text;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>The loss of a language model over rows of a batch of text.</summary>
public static class TokenLoss
{
    /// <summary>The sum over the targets that count, in nats.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">The number of rows B.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="smoothing">The probability that is spread over all tokens.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    public static LossSum Sum(ILanguageModel model, TextBatch batch, int firstRow, int rows, Device device, double smoothing = 0, RandomPosition random = default)
    {
        var T = batch.Length;
        var range = new Range(firstRow * T, (firstRow + rows) * T);
        var targets = TargetsOf(batch, firstRow, rows);
        var ids = tensor(batch.Inputs[range], [rows, T], device: device);                            // [B, T]
        var hidden = model.Hidden(ids, mask: SegmentMask(batch, range, rows, device), random: random);   // [B, T, D]
        return LinearCrossEntropy.Sum(hidden.view(rows * T, -1), model.OutputWeight, tensor(targets, device: device), model.Compute, smoothing);
    }

    /// <summary>The targets of rows, -100 where one does not count.</summary>
    internal static long[] TargetsOf(TextBatch batch, int firstRow, int rows)
    {
        var T = batch.Length;
        var targets = batch.Targets[(firstRow * T)..((firstRow + rows) * T)];
        if (batch.LossMask is { } mask)
            for (var i = 0; i < targets.Length; i++)
                if (!mask[firstRow * T + i]) targets[i] = -100;
        return targets;
    }

    // Within a row, a token sees its own document only. Padding is a document too: a row of scores that is all
    // minus infinity would not be numbers.
    static Tensor? SegmentMask(TextBatch batch, Range range, int rows, Device device)
    {
        if (batch.Segments is null) return null;
        var segments = tensor(batch.Segments[range], [rows, batch.Length], device: device);
        var same = segments.unsqueeze(2).eq(segments.unsqueeze(1));                                   // [B, T, T]
        return zeros_like(same, ScalarType.Float32).masked_fill(same.logical_not(), double.NegativeInfinity).unsqueeze(1);
    }
}
