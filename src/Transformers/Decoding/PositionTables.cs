using TorchSharp;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>What a model's positions come to, as tables over places: whatever kind they are, a decoder's kernels need no more.</summary>
/// <param name="positions">The model's positions.</param>
/// <param name="width">The width D.</param>
/// <param name="context">The most places.</param>
sealed class PositionTables(Positions positions, int width, int context) : IDisposable
{
    const long First = 256;

    /// <summary>The number of places P in the tables.</summary>
    internal long Count { get; private set; }

    /// <summary>Added to embeddings, [P, D].</summary>
    internal Tensor? Added { get; private set; }

    /// <summary>Cosines of rotated positions, [P, E].</summary>
    internal Tensor? Cosines { get; private set; }

    /// <summary>Their sines, [P, E].</summary>
    internal Tensor? Sines { get; private set; }

    /// <summary>Added to the scores of P keys by a query at the last of their places, [H, P].</summary>
    internal Tensor? Bias { get; private set; }

    /// <summary>Makes the tables long enough for so many places.</summary>
    internal void Cover(long places)
    {
        if (places <= Count) return;
        Dispose();
        using var scope = NewDisposeScope();
        Count = Math.Min(context, Math.Max(places, Math.Max(First, 2 * Count)));
        var nothing = zeros(1, Count, width);
        var embedded = positions.Embed(nothing, 0);                            // [1, P, D]
        if (!ReferenceEquals(embedded, nothing)) Added = Kept(embedded[0]);
        if (positions is RotaryPositionEmbedding rotary)
        {
            var (cosines, sines) = rotary.Tables(0, Count, nothing);
            (Cosines, Sines) = (Kept(cosines), Kept(sines));
        }
        Bias = positions.Bias(1, Count, nothing, bidirectional: false) is { } bias ? Kept(bias.squeeze(1)) : null;
    }

    static Tensor Kept(Tensor table) => table.detach().to(ScalarType.Float32).contiguous().clone().DetachFromDisposeScope();

    /// <summary>Frees the tables.</summary>
    public void Dispose()
    {
        Added?.Dispose();
        Cosines?.Dispose();
        Sines?.Dispose();
        Bias?.Dispose();
        (Added, Cosines, Sines, Bias) = (null, null, null, null);
    }
}
