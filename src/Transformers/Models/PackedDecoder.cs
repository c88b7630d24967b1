using TorchSharp;
using Transformers.Configs;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A decoder's weights, packed once for generation; later changes of the model do not reach it.</summary>
/// <remarks>The matrices are read from end to end at every token, in the order in which they are needed; embeddings stay the model's.</remarks>
sealed class PackedDecoder : IDisposable
{
    readonly Tensor weights, embedding;
    readonly double scale;
    readonly PositionTables positions;
    readonly long cacheNumbers;

    PackedDecoder(Dictionary<string, Tensor> parameters, Func<int, IEnumerable<string>> partsOf, DecoderShape shape, NormConfig norm,
        Tensor output, Tensor embedding, double scale, Positions positions, int context, DecoderFormat format)
    {
        (this.embedding, this.scale) = (embedding, scale);
        this.positions = new PositionTables(positions, shape.Width, context);
        CacheType = format.Products == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        cacheNumbers = 2L * shape.Layers * shape.Groups * (shape.HeadWidth + shape.HeadWidth % 2) * BlockTable.Tokens;
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var parts = new List<Tensor?>();
        foreach (var part in Enumerable.Range(0, shape.Layers).SelectMany(partsOf))
            parts.AddRange([parameters[$"{part}.weight"], parameters.GetValueOrDefault($"{part}.bias")]);
        var last = shape.Cross ? "decoderNorm" : "norm";
        parts.AddRange(norm.Placement == NormPlacement.Pre ? [parameters[$"{last}.weight"], parameters.GetValueOrDefault($"{last}.bias")] : [null, null]);
        parts.AddRange([output, null]);
        weights = EngineDecoder.Pack([.. parts], shape.Numbers(norm), norm.Epsilon, format.Weights).DetachFromDisposeScope();
    }

    /// <summary>The type of keys and values in the cache.</summary>
    internal ScalarType CacheType { get; }

    /// <summary>Packs a language model.</summary>
    internal static PackedDecoder Of(Gpt model, DecoderFormat format)
    {
        var config = model.Config;
        var heads = config.Heads;
        var shape = new DecoderShape(config.Layers, config.Width, heads, config.KeyValueHeads ?? heads, config.Width / heads, config.FeedForward, model.Vocabulary, Cross: false);
        return new(model.state_dict(), layer => Names($"blocks.{layer}", cross: false), shape, config.Norm,
            model.OutputWeight, model.TokenWeight, 1, model.Positions, config.Context, format);
    }

    /// <summary>Packs the decoder of an encoder-decoder.</summary>
    internal static PackedDecoder Of(Seq2Seq model, DecoderFormat format)
    {
        var config = model.Config;
        var heads = config.Heads;
        var shape = new DecoderShape(config.DecoderLayers ?? config.Layers, config.Width, heads, heads, config.Width / heads, config.FeedForward, model.Vocabulary, Cross: true);
        return new(model.state_dict(), layer => Names($"decoder.{layer}", cross: true), shape, config.Norm,
            model.OutputWeight, model.TargetWeight, config.Embeddings.Scale ? Math.Sqrt(config.Width) : 1, model.TargetPositions, config.Context, format);
    }

    // The parts of a layer in the order in which a step uses them.
    static string[] Names(string block, bool cross)
    {
        string[] self = [$"{block}.attentionResidual.norm", $"{block}.attention.packed", $"{block}.attention.output"];
        string[] source = [$"{block}.crossAttentionResidual.norm", $"{block}.crossAttention.query", $"{block}.crossAttention.keyValue", $"{block}.crossAttention.output"];
        string[] feedForward = [$"{block}.feedForwardResidual.norm", $"{block}.feedForward.up", $"{block}.feedForward.down"];
        return [.. self, .. cross ? source : [], .. feedForward];
    }

    /// <summary>A cache for rows of targets or of sources.</summary>
    internal PagedCache NewCache(int rows) => new(rows, cacheNumbers, CacheType);

    /// <summary>Takes tokens through all layers: the logits of those that are wanted, [wanted, V].</summary>
    internal Tensor Step(PagedCache target, PagedCache? source, long[] ids, long[] places, long[] rows, long[] wanted)
    {
        positions.Cover(places.Max() + 1);
        return EngineDecoder.Step(weights, embedding, scale, positions, target, source, ids, places, rows, wanted);
    }

    /// <summary>A cache of the keys and values of sources.</summary>
    /// <param name="memory">What the encoder made of them, [B, S, D].</param>
    /// <param name="lengths">The number of tokens of each.</param>
    internal PagedCache Read(Tensor memory, ReadOnlySpan<long> lengths)
    {
        var cache = NewCache(lengths.Length);
        cache.Extend(lengths);
        EngineDecoder.Source(weights, memory, cache);
        return cache;
    }

    /// <summary>Frees the packed weights.</summary>
    public void Dispose()
    {
        weights.Dispose();
        positions.Dispose();
    }
}

/// <summary>The sizes that packed weights go by.</summary>
sealed record DecoderShape(int Layers, int Width, int Heads, int Groups, int HeadWidth, FeedForwardConfig FeedForward, int Vocabulary, bool Cross)
{
    /// <summary>The sizes in the order of the binding.</summary>
    internal long[] Numbers(NormConfig norm) =>
    [
        Layers, Width, Heads, Groups, HeadWidth, Models.FeedForward.HiddenWidth(FeedForward, Width), Vocabulary,
        FeedForward switch { GeluConfig { Tanh: true } => 1, GeluConfig => 0, SwiGluConfig => 2, ReluConfig => 3, _ => throw new NotSupportedException($"no kernel for {FeedForward}") },
        FeedForward is SwiGluConfig ? 1 : 0, norm is RmsNormConfig ? 1 : 0, norm.Placement == NormPlacement.Post ? 1 : 0, Cross ? 1 : 0,
    ];
}
