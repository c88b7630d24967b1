using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Keys and values of the tokens that a decoder has read, so that the next token costs one step.</summary>
/// <param name="layers">The number of layers L.</param>
public sealed class KeyValueCache(int layers) : IDisposable
{
    /// <summary>One cache a layer.</summary>
    public IReadOnlyList<LayerCache> Layers { get; } = [.. Enumerable.Range(0, layers).Select(_ => new LayerCache())];

    /// <summary>The number of tokens read so far.</summary>
    public long Length => Layers.Count == 0 ? 0 : Layers[0].Length;

    /// <summary>Where the tensors are; the CPU before anything was read.</summary>
    public Device Device => Layers.Count > 0 && Layers[0].Length > 0 ? Layers[0].Keys.device : CPU;

    /// <summary>Keeps rows of the batch, in a new order; a row may be taken several times.</summary>
    /// <param name="rows">Row numbers, [B′], whole numbers.</param>
    public void Select(Tensor rows)
    {
        foreach (var layer in Layers) layer.Select(rows);
    }

    /// <summary>Forgets everything.</summary>
    public void Dispose()
    {
        foreach (var layer in Layers) layer.Dispose();
    }
}

/// <summary>The keys and values of one layer, in memory that grows by doubling.</summary>
public sealed class LayerCache : IDisposable
{
    const long FirstCapacity = 64;

    Tensor? keys, values;

    /// <summary>The number of tokens held.</summary>
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
