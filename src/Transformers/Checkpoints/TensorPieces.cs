using static TorchSharp.torch;

namespace Transformers.Checkpoints;

/// <summary>Large tensors, read a piece at a time.</summary>
static class TensorPieces
{
    // A multiple of the block size of every quantized format.
    const long PieceLength = 1 << 24;

    /// <summary>A tensor as one-dimensional pieces, contiguous and on the CPU, each small enough for a span (2 GiB).</summary>
    /// <param name="tensor">The tensor. Each piece is valid only until the next one is requested.</param>
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

    /// <summary>Writes a tensor's bytes in row-major order; there may be more than 2 GiB of them.</summary>
    internal static void WriteTo(this Tensor tensor, Stream stream)
    {
        foreach (var piece in Of(tensor)) stream.Write(piece.bytes);
    }

    /// <summary>Whether all numbers are finite; needs memory for only one piece at a time.</summary>
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
