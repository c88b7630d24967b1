using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Hides the padding of rows of different lengths from attention.</summary>
public sealed class PaddingMask
{
    PaddingMask(Tensor lengths, Tensor additive) => (Lengths, Additive) = (lengths, additive);

    /// <summary>The tokens of each row, [B] whole numbers in CPU memory: kernels that know them skip padding.</summary>
    public Tensor Lengths { get; }

    /// <summary>What is added to scores, [B, 1, 1, S] on the model's device: 0 for tokens, minus infinity for padding.</summary>
    public Tensor Additive { get; }

    /// <summary>The mask of some of the rows.</summary>
    /// <param name="rows">Their numbers, on the model's device.</param>
    internal PaddingMask Select(Tensor rows) => new(Lengths.index_select(0, rows.cpu()), Additive.index_select(0, rows));

    /// <summary>Keeps the mask past the present dispose scope.</summary>
    internal PaddingMask MoveToOuterDisposeScope()
    {
        Lengths.MoveToOuterDisposeScope();
        Additive.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>The mask of rows.</summary>
    /// <param name="lengths">The tokens of each row, at least one each: a row without a token to attend to has no softmax.</param>
    /// <param name="width">S: the padded length.</param>
    /// <param name="device">The model's device.</param>
    /// <returns>The mask; null where there is no padding.</returns>
    /// <exception cref="ArgumentException">A row has no tokens, or more than the width.</exception>
    public static PaddingMask? Of(IReadOnlyList<int> lengths, int width, Device device)
    {
        if (lengths.Any(length => length < 1 || length > width))
            throw new ArgumentException($"rows must have between 1 and {width} tokens", nameof(lengths));
        if (lengths.All(length => length == width)) return null;
        var mask = new float[lengths.Count * width];
        for (var row = 0; row < lengths.Count; row++)
            mask.AsSpan(row * width + lengths[row], width - lengths[row]).Fill(float.NegativeInfinity);
        return new(tensor(lengths.Select(length => (long)length).ToArray()), tensor(mask, [lengths.Count, 1, 1, width], device: device));
    }
}
