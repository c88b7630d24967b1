using TorchSharp;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>Rows of tokens on their way through a decoder, which keeps what it needs of those that it has read.</summary>
public interface IDecoding : IDisposable
{
    /// <summary>The number of tokens that each row has read.</summary>
    long Length { get; }

    /// <summary>Reads the next tokens of each row.</summary>
    /// <param name="ids">[B, T] as one list, row by row.</param>
    /// <param name="rows">The number of rows B.</param>
    /// <returns>The logits after each row's last token, [B, V], 32-bit floats on the CPU.</returns>
    Tensor Read(ReadOnlySpan<int> ids, int rows);

    /// <summary>Keeps rows, in a new order; a row may be taken several times.</summary>
    void Select(ReadOnlySpan<int> rows);
}

/// <summary>A language model read through its own layers, on any device.</summary>
sealed class LayeredDecoding(ILanguageModel model, Device device) : IDecoding
{
    readonly KeyValueCache cache = model.NewCache();

    public long Length => cache.Length;

    public Tensor Read(ReadOnlySpan<int> ids, int rows)
    {
        var input = tensor(ids.ToArray(), [rows, ids.Length / rows], ScalarType.Int64, device);            // [B, T]
        return model.Logits(model.Hidden(input, cache)[.., -1]).to(ScalarType.Float32).cpu();            // [B, V]
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        using var chosen = tensor(rows.ToArray(), ScalarType.Int64, device);
        cache.Select(chosen);
    }

    public void Dispose() => cache.Dispose();
}

/// <summary>The decoder of an encoder-decoder read through its own layers, on any device.</summary>
/// <param name="model">The model.</param>
/// <param name="memory">What the encoder made of each row's source, [B, S, D].</param>
/// <param name="mask">Hides the sources' padding.</param>
/// <param name="device">Where the model is.</param>
sealed class LayeredTargetDecoding(Seq2Seq model, Tensor memory, PaddingMask? mask, Device device) : IDecoding
{
    readonly DecoderCache cache = model.NewCache();
    PaddingMask? mask = mask;

    public long Length => cache.Length;

    public Tensor Read(ReadOnlySpan<int> ids, int rows)
    {
        var input = tensor(ids.ToArray(), [rows, ids.Length / rows], ScalarType.Int64, device);            // [B, T]
        var hidden = model.Decode(input, cache.Length == 0 ? memory : null, mask, cache);                // [B, T, D]
        return model.Logits(hidden[.., -1]).to(ScalarType.Float32).cpu();                               // [B, V]
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        using var chosen = tensor(rows.ToArray(), ScalarType.Int64, device);
        cache.Select(chosen);
        mask = mask?.Select(chosen).MoveToOuterDisposeScope();
    }

    public void Dispose() => cache.Dispose();
}
