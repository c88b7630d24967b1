using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Masks that hide padding from attention.</summary>
public static class PaddingMask
{
    static readonly ConditionalWeakTable<Tensor, Tensor> lengthsOf = [];

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
        var made = tensor(mask, [lengths.Count, 1, 1, width], device: device);
        lengthsOf.Add(made, tensor(lengths.Select(length => (long)length).ToArray()));
        return made;
    }

    /// <summary>The tokens of each row, [B] whole numbers, of a mask that <see cref="Of"/> made and nothing was added to; null for others.</summary>
    /// <remarks>A kernel that knows them leaves padding out, where a mask's numbers would be added and then come to nothing.</remarks>
    internal static Tensor? LengthsOf(Tensor? mask) => mask is not null && lengthsOf.TryGetValue(mask, out var lengths) ? lengths : null;

    /// <summary>The sum of a mask and a bias, either of which may be absent.</summary>
    internal static Tensor? Join(Tensor? mask, Tensor? bias) => mask is null ? bias : bias is null ? mask : mask + bias;
}
