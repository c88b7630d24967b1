using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Transformers.Decoding;

/// <summary>The most probable tokens of rows of logits.</summary>
static unsafe class TopTokens
{
    /// <summary>The most probable tokens of each row, those of equal probability by their number.</summary>
    /// <param name="logits">[R, V], 32-bit floats on the CPU; overwritten.</param>
    /// <param name="vocabulary">Columns from here on do not count.</param>
    /// <param name="k">How many.</param>
    /// <param name="banned">Tokens that keep their probability and are not chosen.</param>
    /// <returns>Log-probabilities and tokens, [R, k] each, the greatest first; minus infinity where too few tokens are left.</returns>
    internal static (float[] logProbabilities, long[] ids) Of(Tensor logits, int vocabulary, int k, long[] banned)
    {
        using var dense = logits.contiguous();
        var (rows, stride) = ((int)dense.size(0), (int)dense.size(1));
        var (values, ids) = (new float[rows * k], new long[rows * k]);
        if (KernelTensors.Fit(dense))
        {
            fixed (float* value = values)
            fixed (long* id = ids, ban = banned)
                DecoderKernels.Top(new TopColumns
                {
                    Logits = KernelTensors.Floats(dense), Rows = rows, RowStride = stride, Columns = vocabulary, K = k,
                    Banned = ban, BannedCount = banned.Length, Values = value, Ids = id,
                });
            return (values, ids);
        }
        var all = MemoryMarshal.Cast<byte, float>(dense.bytes);
        var work = new float[vocabulary];
        for (var row = 0; row < rows; row++)
            Choose(all.Slice(row * stride, vocabulary), banned, work, values.AsSpan(row * k, k), ids.AsSpan(row * k, k));
        return (values, ids);
    }

    static void Choose(Span<float> logits, long[] banned, float[] work, Span<float> values, Span<long> ids)
    {
        var highest = TensorPrimitives.Max<float>(logits);
        TensorPrimitives.Subtract(logits, highest, work);
        TensorPrimitives.Exp(work, work);
        var normaliser = highest + MathF.Log(TensorPrimitives.Sum<float>(work));
        foreach (var id in banned) logits[(int)id] = float.NegativeInfinity;
        values.Fill(float.NegativeInfinity);
        for (var id = 0; id < logits.Length; id++)
        {
            if (!(logits[id] > values[^1])) continue;
            // Of equal ones the earlier stays ahead.
            var rank = values.Length - 1;
            for (; rank > 0 && values[rank - 1] < logits[id]; rank--) (values[rank], ids[rank]) = (values[rank - 1], ids[rank - 1]);
            (values[rank], ids[rank]) = (logits[id], id);
        }
        TensorPrimitives.Subtract(values, normaliser, values);
    }
}
