using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Masks that hide padding from attention.</summary>
public static class PaddingMask
{
    /// <summary>What is added to attention scores so that padding is never attended to.</summary>
    /// <param name="lengths">The tokens of each row, at least one each: a row without a token to attend to has no softmax.</param>
    /// <param name="width">S: the padded length.</param>
    /// <param name="device">Where the result is wanted.</param>
    /// <returns>[B, 1, 1, S], 0 for tokens and minus infinity for padding; null where there is no padding.</returns>
    /// <exception cref="ArgumentException">A row of no tokens.</exception>
    public static Tensor? Of(IReadOnlyList<int> lengths, int width, Device device)
    {
        if (lengths.Any(length => length < 1 || length > width))
            throw new ArgumentException($"rows must have between 1 and {width} tokens", nameof(lengths));
        if (lengths.All(length => length == width)) return null;
        var mask = new float[lengths.Count * width];
        for (var row = 0; row < lengths.Count; row++)
            mask.AsSpan(row * width + lengths[row], width - lengths[row]).Fill(float.NegativeInfinity);
        return tensor(mask, [lengths.Count, 1, 1, width], device: device);
    }

    /// <summary>The sum of a mask and a bias, either of which may be absent.</summary>
    internal static Tensor? Join(Tensor? mask, Tensor? bias) => mask is null ? bias : bias is null ? mask : mask + bias;
}
