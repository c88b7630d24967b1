using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Checkpoints;

/// <summary>Large tensors, read a piece at a time.</summary>
static class TensorPieces
{
    // A multiple of every block in which formats quantize.
    const long PieceLength = 1 << 24;

    /// <summary>A tensor as one-dimensional pieces, contiguous and on the CPU, whose bytes fit in a span as those of a large tensor do not (2 GiB).</summary>
    /// <param name="tensor">The tensor; each piece is valid until the next one is asked for.</param>
    internal static IEnumerable<Tensor> Of(Tensor tensor)
    {
        using var near = tensor.detach().cpu();
        using var dense = near.contiguous();
        using var flat = dense.view(-1);
        for (long at = 0, all = flat.numel(); at < all; at += PieceLength)
        {
            using var piece = flat.narrow(0, at, Math.Min(PieceLength, all - at));
            yield return piece;
        }
    }

    /// <summary>Writes a tensor's bytes, row by row; there may be more than 2 GiB.</summary>
    internal static void WriteTo(this Tensor tensor, Stream stream)
    {
        foreach (var piece in Of(tensor)) stream.Write(piece.bytes);
    }

    /// <summary>Whether all numbers are finite, with memory for a piece at a time.</summary>
    internal static bool IsFinite(this Tensor tensor)
    {
        foreach (var piece in Of(tensor))
        {
            using var scope = NewDisposeScope();
            if (!piece.isfinite().all().item<bool>()) return false;
        }
        return true;
    }
}
