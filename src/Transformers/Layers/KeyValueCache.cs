using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A decoder's key/value cache: the keys and values of the tokens read so far, which further tokens attend to without computing them again.</summary>
/// <param name="layers">The number of layers L.</param>
public sealed class KeyValueCache(int layers) : IDisposable
{
    /// <summary>One cache per layer.</summary>
    public IReadOnlyList<LayerCache> Layers { get; } = [.. Enumerable.Range(0, layers).Select(_ => new LayerCache())];

    /// <summary>The number of tokens read so far.</summary>
    public long Length => Layers.Count == 0 ? 0 : Layers[0].Length;

    /// <summary>Keeps rows of the batch, in a new order; a row may be repeated.</summary>
    /// <param name="rows">Row numbers, [B′], whole numbers.</param>
    public void Select(Tensor rows)
    {
        foreach (var layer in Layers) layer.Select(rows);
    }

    /// <summary>Frees everything.</summary>
    public void Dispose()
    {
        foreach (var layer in Layers) layer.Dispose();
    }
}

/// <summary>The key/value cache of one layer, in memory that grows by doubling.</summary>
public sealed class LayerCache : IDisposable
{
    const long FirstCapacity = 64;

    Tensor? keys, values;

    /// <summary>The number of tokens in the cache.</summary>
    public long Length { get; private set; }

    /// <summary>[B, K, S, E].</summary>
    public Tensor Keys => keys!.narrow(2, 0, Length);

    /// <summary>[B, K, S, E].</summary>
    public Tensor Values => values!.narrow(2, 0, Length);

    /// <summary>Adds keys and values of new tokens, [B, K, T, E].</summary>
    /// <returns>Those of all tokens, [B, K, S, E].</returns>
    internal (Tensor keys, Tensor values) Append(Tensor newKeys, Tensor newValues)
    {
        var (_, _, T, _) = newKeys.Dims4();
        Grow(newKeys, Length + T);
        keys!.narrow(2, Length, T).copy_(newKeys);
        values!.narrow(2, Length, T).copy_(newValues);
        Length += T;
        return (Keys, Values);
    }

    void Grow(Tensor like, long needed)
    {
        var capacity = keys?.size(2) ?? 0;
        if (needed <= capacity) return;
        capacity = Math.Max(needed, Math.Max(FirstCapacity, 2 * capacity));
        keys = Larger(keys, like, capacity);
        values = Larger(values, like, capacity);
    }

    Tensor Larger(Tensor? old, Tensor like, long capacity)
    {
        var (B, K, _, E) = like.Dims4();
        var larger = empty(B, K, capacity, E, dtype: like.dtype, device: like.device).DetachFromDisposeScope();
        if (old is null) return larger;
        larger.narrow(2, 0, Length).copy_(old.narrow(2, 0, Length));
        old.Dispose();
        return larger;
    }

    internal void Select(Tensor rows)
    {
        if (keys is null) return;
        (keys, values) = (Reordered(keys, rows), Reordered(values!, rows));
    }

    static Tensor Reordered(Tensor old, Tensor rows)
    {
        var chosen = old.index_select(0, rows).DetachFromDisposeScope();
        old.Dispose();
        return chosen;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        keys?.Dispose();
        values?.Dispose();
        (keys, values, Length) = (null, null, 0);
    }
}

/// <summary>The key/value caches of an encoder-decoder: for the target so far, and for the source.</summary>
/// <param name="layers">The number of decoder layers.</param>
public sealed class DecoderCache(int layers) : IDisposable
{
    /// <summary>Keys and values of the target tokens that were read.</summary>
    public KeyValueCache Target { get; } = new(layers);

    /// <summary>Keys and values of the source, computed at the first target token.</summary>
    public KeyValueCache Source { get; } = new(layers);

    /// <summary>The number of target tokens read.</summary>
    public long Length => Target.Length;

    /// <summary>Keeps rows of the batch, in a new order; a row may be repeated.</summary>
    /// <param name="rows">Row numbers, [B′], whole numbers.</param>
    /// <param name="sameSources">Whether every row keeps its source, so that the source's part is unchanged.</param>
    public void Select(Tensor rows, bool sameSources = false)
    {
        Target.Select(rows);
        if (!sameSources) Source.Select(rows);
    }

    /// <summary>Frees everything.</summary>
    public void Dispose()
    {
        Target.Dispose();
        Source.Dispose();
    }
}

/// <summary>Collects the attention weights of an encoder-decoder, by kind of attention.</summary>
public sealed class Seq2SeqRecorder
{
    /// <summary>Source to source, [B, H, S, S] per layer.</summary>
    public AttentionRecorder Encoder { get; } = new();

    /// <summary>Target to target, [B, H, T, T] per layer.</summary>
    public AttentionRecorder Decoder { get; } = new();

    /// <summary>Target to source, [B, H, T, S] per layer.</summary>
    public AttentionRecorder Cross { get; } = new();
}
