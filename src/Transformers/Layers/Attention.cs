using TorchSharp.Utils;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>The arguments of attention besides its input.</summary>
/// <param name="Positions">Rotates queries and keys; null for none.</param>
/// <param name="Causal">Whether a query sees no key after its own position; the queries are the last of the keys' positions.</param>
/// <param name="Mask">Added to the scores: 0 for visible keys, minus infinity for hidden ones, or a bias; broadcasts to [B, H, T, S]; a
/// first dimension that divides B is repeated, as for the windows of each image.</param>
/// <param name="Cache">Keys and values of earlier tokens, which this call appends to.</param>
/// <param name="Recorder">Receives the attention weights; selects the formula that computes them.</param>
/// <param name="Padding">Hides keys that are padding.</param>
/// <param name="Random">The position in the run, for dropout.</param>
public readonly record struct AttentionInput(
    Positions? Positions = null, bool Causal = false, Tensor? Mask = null, LayerCache? Cache = null, AttentionRecorder? Recorder = null,
    PaddingMask? Padding = null, RandomPosition Random = default);

/// <summary>Multi-head attention with grouped key/value heads: self-attention or cross-attention.</summary>
/// <remarks>
/// Vaswani et al. 2017, section 3.2; grouped heads: Ainslie et al. 2023. The three projections of self-attention are one matrix product,
/// with rows in the order queries, keys, values.
/// </remarks>
public sealed class Attention : nn.Module
{
    readonly int heads, kvHeads, headWidth;
    readonly Dropout dropout;
    readonly Linear? qkv;
    [ComponentName(Name = "q")]
    readonly Linear? query;
    [ComponentName(Name = "kv")]
    readonly Linear? keyValue;
    [ComponentName(Name = "proj")]
    readonly Linear output;

    /// <summary>Attention over vectors of a width.</summary>
    /// <param name="width">The width D of inputs and outputs.</param>
    /// <param name="heads">The number H of query heads; it divides the width.</param>
    /// <param name="kvHeads">The number K of key/value heads; it divides the number of heads.</param>
    /// <param name="bias">Whether the projections add a bias.</param>
    /// <param name="dropout">The dropout rate of attention weights.</param>
    /// <param name="cross">Whether it is cross-attention, with keys and values from another sequence.</param>
    /// <param name="sourceWidth">The width of that sequence; by default <paramref name="width"/>.</param>
    public Attention(int width, int heads, int? kvHeads = null, bool bias = true, double dropout = 0, bool cross = false, int? sourceWidth = null) : base(nameof(Attention))
    {
        this.heads = heads;
        this.kvHeads = kvHeads ?? heads;
        headWidth = width / heads;
        if (cross)
        {
            query = new Linear(width, heads * headWidth, bias);
            keyValue = new Linear(sourceWidth ?? width, 2 * this.kvHeads * headWidth, bias);
        }
        else qkv = new Linear(width, (heads + 2 * this.kvHeads) * headWidth, bias);
        output = new Linear(heads * headWidth, width, bias) { WritesToResidual = true };
        this.dropout = new Dropout(dropout);
        RegisterComponents();
    }

    /// <summary>The dropout of attention weights.</summary>
    internal Dropout Dropout => dropout;

    /// <summary>Attends, with a norm and a residual connection around it.</summary>
    /// <param name="residual">The connection.</param>
    /// <param name="x">The queries' sequence, [B, T, D].</param>
    /// <param name="input">Masks, positions, cache and recorder.</param>
    /// <param name="source">The keys' and values' sequence, as in <see cref="forward"/>.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor ForwardResidual(Residual residual, Tensor x, AttentionInput input, Tensor? source = null) =>
        BySublayer(residual, x, input, source) ?? residual.forward(x, h => forward(h, input, source), input.Random);

    // The whole sublayer as one operator; null if there is none for it.
    Tensor? BySublayer(Residual residual, Tensor x, AttentionInput input, Tensor? source)
    {
        if (input is not { Cache: null, Recorder: null } || source is null != keyValue is null) return null;
        if (input.Positions is { Rotates: true } and not RotaryPositionEmbedding) return null;
        // The operator reads both sequences by one width.
        if (source is not null && source.size(-1) != x.size(-1)) return null;
        if (residual.AsSublayer(input.Random) is not { } norm) return null;
        var first = qkv ?? query!;
        var weights = new AttentionWeights(first.weight, first.bias, keyValue?.weight, keyValue?.bias, output.weight, output.bias);
        if (!AttentionSublayerFunction.Takes(x, source, weights, first.Compute)) return null;
        Tensor? cosine = null, sine = null;
        if (input.Positions is RotaryPositionEmbedding rotary && source is null) (cosine, sine) = rotary.Tables(0, x.size(1), x);
        var view = new AttentionView(input.Causal, input.Mask, input.Padding?.Lengths, cosine, sine, Dropout: dropout.AsKernel(input.Random));
        return AttentionSublayerFunction.Of(x, source, norm, weights, view, heads, kvHeads, first.Compute);
    }

    /// <summary>Attends.</summary>
    /// <param name="x">The queries' sequence, [B, T, D].</param>
    /// <param name="input">Masks, positions, cache and recorder.</param>
    /// <param name="source">The keys' and values' sequence, [B, S, D], for cross-attention; ignored if the cache already has its keys and
    /// values.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor forward(Tensor x, AttentionInput input, Tensor? source = null)
    {
        var (B, T, _) = x.Dims3();
        var (q, k, v) = qkv is null ? Cross(x, input, source) : Self(x, input);
        var mixed = AttentionFormulas.Attend(q, k, v, input, dropout);                   // [B, H, T, E]
        return output.call(mixed.transpose(1, 2).reshape(B, T, heads * headWidth));      // [B, T, D]
    }

    (Tensor q, Tensor k, Tensor v) Self(Tensor x, AttentionInput input)
    {
        var start = input.Cache?.Length ?? 0;
        var parts = qkv!.call(x).split([heads * headWidth, kvHeads * headWidth, kvHeads * headWidth], -1);
        var q = Heads(parts[0], heads);                                                   // [B, H, T, E]
        var k = Heads(parts[1], kvHeads);                                                  // [B, K, T, E]
        var v = Heads(parts[2], kvHeads);
        if (input.Positions is { Rotates: true } positions)
        {
            q = positions.Rotate(q, start);
            k = positions.Rotate(k, start);
        }
        if (input.Cache is { } earlier) (k, v) = earlier.Append(k, v);
        return (q, k, v);
    }

    (Tensor q, Tensor k, Tensor v) Cross(Tensor x, AttentionInput input, Tensor? source)
    {
        var q = Heads(query!.call(x), heads);                                             // [B, H, T, E]
        // The source does not change while a target is generated: its keys and values are computed once.
        if (input.Cache is { Length: > 0 } filled) return (q, filled.Keys, filled.Values);
        var parts = keyValue!.call(source ?? throw new ArgumentNullException(nameof(source))).chunk(2, -1);
        var k = Heads(parts[0], kvHeads);                                                  // [B, K, S, E]
        var v = Heads(parts[1], kvHeads);
        if (input.Cache is { } earlier) (k, v) = earlier.Append(k, v);
        return (q, k, v);
    }

    // [B, T, n·E] to [B, n, T, E]
    Tensor Heads(Tensor x, int count)
    {
        var (B, T, _) = x.Dims3();
        return x.view(B, T, count, headWidth).transpose(1, 2);
    }
}

/// <summary>Collects attention weights, one tensor [B, H, T, S] per layer, in the order of the layers.</summary>
public sealed class AttentionRecorder : IDisposable
{
    readonly List<Tensor> weights = [];

    /// <summary>The weights so far; they belong to the recorder.</summary>
    public IReadOnlyList<Tensor> Weights => weights;

    // A block frees its tensors when it returns, so the weights are detached from its scope.
    internal void Add(Tensor layer) => weights.Add(layer.detach().DetachFromDisposeScope());

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        foreach (var layer in weights) layer.Dispose();
        weights.Clear();
    }
}

/// <summary>Hides the padding of rows of different lengths from attention.</summary>
public sealed class PaddingMask
{
    PaddingMask(Tensor lengths, Tensor additive) => (Lengths, Additive) = (lengths, additive);

    /// <summary>The tokens of each row, [B] int64 on the CPU, with which the kernels skip padding.</summary>
    public Tensor Lengths { get; }

    /// <summary>What is added to scores, [B, 1, 1, S] on the model's device: 0 for tokens, minus infinity for padding.</summary>
    public Tensor Additive { get; }

    /// <summary>The mask of some of the rows.</summary>
    internal PaddingMask Select(Tensor rows) => new(Lengths.index_select(0, rows.cpu()), Additive.index_select(0, rows));

    /// <summary>Keeps the mask beyond the current dispose scope.</summary>
    internal PaddingMask MoveToOuterDisposeScope()
    {
        Lengths.MoveToOuterDisposeScope();
        Additive.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>The mask of rows.</summary>
    /// <param name="lengths">The tokens of each row, at least one each, since the softmax over no tokens is undefined.</param>
    /// <param name="width">S: the padded length.</param>
    /// <param name="device">The model's device.</param>
    /// <returns>The mask; null if there is no padding.</returns>
    /// <exception cref="ArgumentException">A row has no tokens, or more than the width.</exception>
    public static PaddingMask? Of(IReadOnlyList<int> lengths, int width, Device device)
    {
        if (lengths.Any(length => length < 1 || length > width))
            throw new ArgumentException($"rows must have between 1 and {width} tokens", nameof(lengths));
        if (lengths.All(length => length == width)) return null;
        var mask = new float[lengths.Count * width];
        for (var row = 0; row < lengths.Count; row++)
            mask.AsSpan(row * width + lengths[row], width - lengths[row]).Fill(float.NegativeInfinity);
        return new(tensor(lengths.Select(length => (long)length).ToArray()), tensor(mask, [lengths.Count, 1, 1, width], device: device));
    }
}
