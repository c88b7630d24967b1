using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>What a decoder keeps between two tokens: keys and values of the target so far, and those of the source.</summary>
/// <param name="layers">The number of decoder layers.</param>
public sealed class DecoderCache(int layers) : IDisposable
{
    /// <summary>Keys and values of the target tokens that were read.</summary>
    public KeyValueCache Target { get; } = new(layers);

    /// <summary>Keys and values of the source, made at the first target token.</summary>
    public KeyValueCache Source { get; } = new(layers);

    /// <summary>The number of target tokens read.</summary>
    public long Length => Target.Length;

    /// <summary>Keeps rows of the batch, in a new order; a row may be taken several times.</summary>
    /// <param name="rows">Row numbers, [B′], whole numbers.</param>
    /// <param name="sameSources">Whether every row keeps its source: then the source's part is left alone.</param>
    public void Select(Tensor rows, bool sameSources = false)
    {
        Target.Select(rows);
        if (!sameSources) Source.Select(rows);
    }

    /// <summary>Forgets everything.</summary>
    public void Dispose()
    {
        Target.Dispose();
        Source.Dispose();
    }
}

/// <summary>Takes the attention weights of an encoder-decoder, by where they arise.</summary>
public sealed class Seq2SeqRecorder
{
    /// <summary>Source to source, [B, H, S, S] a layer.</summary>
    public AttentionRecorder Encoder { get; } = new();

    /// <summary>Target to target, [B, H, T, T] a layer.</summary>
    public AttentionRecorder Decoder { get; } = new();

    /// <summary>Target to source, [B, H, T, S] a layer.</summary>
    public AttentionRecorder Cross { get; } = new();
}
