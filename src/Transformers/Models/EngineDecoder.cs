using TorchSharp;
using static TorchSharp.torch;
#if !TORCHSHARP_PACKAGE
using TorchSharp.Extensions;
#endif

namespace Transformers.Models;

/// <summary>
/// What this project's own binding adds for generation. There is no fallback for the package build here:
/// <see cref="Exists"/> says so, and models are then decoded by their own layers.
/// </summary>
static class EngineDecoder
{
    /// <summary>Whether decoders can be packed for a device.</summary>
    internal static bool Exists(Device device) =>
#if TORCHSHARP_PACKAGE
        false;
#else
        device.type == DeviceType.CPU;
#endif

#if TORCHSHARP_PACKAGE
    static T Missing<T>() => throw new NotSupportedException("the TorchSharp package has no kernels for generation");
#endif

    /// <summary>Packs weights; parameters as in the binding.</summary>
    internal static Tensor Pack(Tensor?[] parts, long[] shape, double epsilon, WeightFormat format) =>
#if TORCHSHARP_PACKAGE
        Missing<Tensor>();
#else
        DecoderKernels.Pack(parts, shape, epsilon, (int)format);
#endif

    /// <summary>Takes tokens through all layers: the logits of those that are wanted, [wanted, V].</summary>
    internal static Tensor Step(Tensor weights, Tensor embedding, double scale, PositionTables positions, PagedCache target, PagedCache? source,
        long[] ids, long[] places, long[] rows, long[] wanted) =>
#if TORCHSHARP_PACKAGE
        Missing<Tensor>();
#else
        DecoderKernels.Step(weights, embedding, scale, (positions.Added, positions.Cosines, positions.Sines, positions.Bias),
            target.Storage, target.Table, source?.Storage, source?.Table, ids, places, rows, source?.Lengths ?? [], wanted);
#endif

    /// <summary>Puts the keys and values of sources, [rows, S, D], into their cache.</summary>
    internal static void Source(Tensor weights, Tensor memory, PagedCache source)
    {
#if TORCHSHARP_PACKAGE
        Missing<int>();
#else
        DecoderKernels.Source(weights, memory, source.Storage, source.Table, source.Lengths);
#endif
    }

    /// <summary>Copies blocks of a cache.</summary>
    internal static void Copy(Tensor cache, long[] from, long[] to)
    {
#if TORCHSHARP_PACKAGE
        Missing<int>();
#else
        DecoderKernels.Copy(cache, from, to);
#endif
    }

    /// <summary>The most probable tokens of each row, those of equal probability by their number.</summary>
    /// <param name="logits">[R, V]; overwritten.</param>
    /// <param name="vocabulary">Columns from here on do not count.</param>
    /// <param name="k">How many.</param>
    /// <param name="banned">Tokens that are not chosen.</param>
    /// <returns>Log-probabilities and tokens, [R, k] each, the greatest first.</returns>
    internal static (Tensor logProbabilities, Tensor ids) Top(Tensor logits, int vocabulary, int k, long[] banned)
    {
#if !TORCHSHARP_PACKAGE
        if (logits.device_type == DeviceType.CPU && logits.dtype == ScalarType.Float32) return DecoderKernels.Top(logits.contiguous(), vocabulary, k, banned);
#endif
        var probabilities = logits.to(ScalarType.Float32).narrow(1, 0, vocabulary).log_softmax(-1);
        foreach (var id in banned) probabilities[.., id] = float.NegativeInfinity;
        var (values, ids) = probabilities.topk(k, -1);
        return (values.cpu(), ids.cpu());
    }
}
