using Transformers.Configs;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;
using static Transformers.Native.KernelTensors;

namespace Transformers.Decoding;

/// <summary>A decoder's weights, packed once for generation; later changes to the model have no effect on it.</summary>
/// <remarks>The matrices are stored in the order in which every token reads them; the embeddings are the model's own.</remarks>
sealed unsafe class PackedDecoder : IDisposable
{
    readonly LargePageMemory weights;
    readonly KernelType cacheType;
    readonly Tensor embedding;
    readonly double scale;
    readonly PositionTables positions;
    readonly DecoderForm form;

    PackedDecoder(Dictionary<string, Tensor> parameters, Func<int, IEnumerable<string>> partsOf, DecoderForm form, NormConfig norm,
        Tensor output, Tensor? outputBias, Tensor embedding, double scale, Positions positions, int context, DecoderFormat format)
    {
        (this.scale, this.form) = (scale, form);
        // A separate handle: the one that a module returns ends with the caller's scope.
        this.embedding = embedding.detach().DetachFromDisposeScope();
        this.positions = new PositionTables(positions, (int)form.Width, context);
        cacheType = format.Products == Precision.Bf16 ? KernelType.BFloat16 : KernelType.Float32;
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var parts = new List<Tensor?>();
        foreach (var part in Enumerable.Range(0, (int)form.Layers).SelectMany(partsOf))
            parts.AddRange([parameters[$"{part}.weight"], parameters.GetValueOrDefault($"{part}.bias")]);
        var last = form.Cross != 0 ? "decoder_norm" : "norm";
        parts.AddRange(norm.Placement == NormPlacement.Pre ? [parameters[$"{last}.weight"], parameters.GetValueOrDefault($"{last}.bias")] : [null, null]);
        parts.AddRange([output, outputBias]);
        Tensor?[] floats = [.. parts.Select(part => part?.to(ScalarType.Float32).contiguous())];
        nint[] addresses = [.. floats.Select(part => (nint)Floats(part))];
        weights = new LargePageMemory(DecoderKernels.Size(form, addresses, (PackedType)format.Weights, norm.Epsilon));
        DecoderKernels.Pack(form, addresses, (PackedType)format.Weights, norm.Epsilon, weights.Address, weights.Bytes);
        GC.KeepAlive(floats);
    }

    /// <summary>Packs a language model.</summary>
    internal static PackedDecoder Of(Gpt model, DecoderFormat format)
    {
        var config = model.Config;
        var form = FormOf(config.FeedForward, config.Norm, config.Layers, config.Width, config.Heads, config.KeyValueHeads ?? config.Heads, model.Vocabulary, cross: false);
        return new(model.state_dict(), layer => Names($"blocks.{layer}", cross: false), form, config.Norm,
            model.OutputWeight, null, model.TokenWeight, 1, model.Positions, config.Context, format);
    }

    /// <summary>Packs the decoder of an encoder-decoder.</summary>
    internal static PackedDecoder Of(Seq2Seq model, DecoderFormat format)
    {
        var config = model.Config;
        var form = FormOf(config.FeedForward, config.Norm, config.DecoderLayers ?? config.Layers, config.Width, config.Heads, config.Heads, model.Vocabulary, cross: true);
        return new(model.state_dict(), layer => Names($"decoder.{layer}", cross: true), form, config.Norm,
            model.OutputWeight, model.OutputBias, model.TargetWeight, config.Embeddings.Scale ? Math.Sqrt(config.Width) : 1, model.TargetPositions, config.Context, format);
    }

    static DecoderForm FormOf(FeedForwardConfig feedForward, NormConfig norm, int layers, int width, int heads, int keyValueHeads, int vocabulary, bool cross) => new()
    {
        Layers = layers, Width = width, Heads = heads, KeyValueHeads = keyValueHeads, HeadWidth = width / heads,
        Hidden = FeedForward.HiddenWidth(feedForward, width), Vocabulary = vocabulary,
        Activation = feedForward switch { GeluConfig { Tanh: true } => 1, GeluConfig => 0, SiluConfig or SwiGluConfig => 2, ReluConfig => 3, _ => throw new NotSupportedException($"no kernel for {feedForward}") },
        Gated = feedForward is SwiGluConfig ? 1 : 0, Rms = norm is RmsNormConfig ? 1 : 0, PostNorm = norm.Placement == NormPlacement.Post ? 1 : 0, Cross = cross ? 1 : 0,
    };

    // The parts of a layer, in the order in which a step uses them.
    static string[] Names(string block, bool cross)
    {
        string[] self = [$"{block}.norm1", $"{block}.attn.qkv", $"{block}.attn.proj"];
        string[] source = [$"{block}.norm2", $"{block}.cross_attn.q", $"{block}.cross_attn.kv", $"{block}.cross_attn.proj"];
        string[] feedForward = [$"{block}.norm{(cross ? 3 : 2)}", $"{block}.mlp.up", $"{block}.mlp.down"];
        return [.. self, .. cross ? source : [], .. feedForward];
    }

    /// <summary>A cache for rows of targets or of sources.</summary>
    internal PagedCache NewCache(int rows) => new(rows, DecoderKernels.CacheBlock(form), cacheType);

    /// <summary>Runs tokens through all layers.</summary>
    /// <param name="target">Keys and values of the rows' earlier tokens; those of the new tokens are added.</param>
    /// <param name="ids">The tokens, [T].</param>
    /// <param name="at">The position of each in its row, [T].</param>
    /// <param name="rows">The row of each, [T].</param>
    /// <param name="wanted">The tokens whose logits are wanted, as indices into the three lists.</param>
    /// <returns>[wanted, V].</returns>
    internal Tensor Step(PagedCache target, PagedCache? source, long[] ids, long[] at, long[] rows, long[] wanted)
    {
        positions.Cover(at.Max() + 1);
        var logits = empty(wanted.Length, form.Vocabulary);
        fixed (long* id = ids, position = at, row = rows, chosen = wanted, lengths = source?.Lengths)
        fixed (int* targetTable = target.Table, sourceTable = source?.Table)
            DecoderKernels.Step(new DecoderStep
            {
                Weights = weights.Address, Embedding = Floats(embedding), Vocabulary = embedding.size(0), EmbeddingScale = (float)scale,
                Added = Floats(positions.Added), Cosines = Floats(positions.Cosines), Sines = Floats(positions.Sines), Bias = Floats(positions.Bias), PositionCount = positions.Count,
                Cache = target.View(targetTable), SourceCache = source?.View(sourceTable) ?? default, SourceLengths = lengths, SourceRows = source?.Rows ?? 0,
                Ids = id, Positions = position, Rows = row, Tokens = ids.Length, Wanted = chosen, WantedCount = wanted.Length, Logits = wanted.Length == 0 ? null : Floats(logits),
            });
        GC.KeepAlive((this, target, source));
        return logits;
    }

    /// <summary>A cache of the keys and values of sources.</summary>
    /// <param name="memory">The encoder's output for them, [B, S, D].</param>
    internal PagedCache Read(Tensor memory, ReadOnlySpan<long> lengths)
    {
        var cache = NewCache(lengths.Length);
        cache.Extend(lengths);
        using var floats = memory.to(ScalarType.Float32).contiguous();
        fixed (long* length = lengths)
        fixed (int* table = cache.Table)
            DecoderKernels.Source(new DecoderSource { Weights = weights.Address, Memory = Floats(floats), Rows = lengths.Length, MemoryLength = memory.size(1), Lengths = length, Cache = cache.View(table) });
        GC.KeepAlive(this);
        return cache;
    }

    /// <summary>Frees the packed weights.</summary>
    public void Dispose()
    {
        weights.Dispose();
        embedding.Dispose();
        positions.Dispose();
    }
}

/// <summary>Rows of tokens read through packed weights. The result of a row does not depend on the others, to the last bit.</summary>
/// <param name="decoder">The weights.</param>
/// <param name="rows">The number of rows.</param>
/// <param name="source">The sources of an encoder-decoder, one per row; disposed of with this.</param>
sealed class PackedDecoding(PackedDecoder decoder, int rows, PagedCache? source = null) : IDecoding
{
    // Enough to keep the processor busy; more would only take memory.
    const int MostTokens = 512;
    const long IgnoredTarget = -100;

    readonly PagedCache target = decoder.NewCache(rows);

    public long Length => target.Rows == 0 ? 0 : target.Lengths[0];

    public Tensor Read(ReadOnlySpan<int> ids, int rows)
    {
        var T = ids.Length / rows;
        var each = Math.Max(1, MostTokens / rows);
        for (var from = 0; ; from += each)
        {
            var until = Math.Min(T, from + each);
            var last = until == T;
            var logits = Step(ids, rows, from, until, last ? [.. Enumerable.Range(1, rows).Select(row => (long)row * (until - from) - 1)] : []);
            if (last) return logits;
        }
    }

    /// <summary>Reads the next tokens of each row and sums the cross entropies of their targets.</summary>
    /// <param name="ids">[B, T] as one list, row by row.</param>
    /// <param name="targets">[B, T], the next token of each; -100 where it does not count.</param>
    /// <returns>The sum in nats.</returns>
    internal double Loss(ReadOnlySpan<int> ids, ReadOnlySpan<long> targets, int rows)
    {
        var (T, each, sum) = (ids.Length / rows, Math.Max(1, MostTokens / rows), 0.0);
        for (var from = 0; from < T; from += each)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(T, from + each) - from;
            var wanted = new long[rows * count];
            for (var row = 0; row < rows; row++) targets.Slice(row * T + from, count).CopyTo(wanted.AsSpan(row * count));
            var logits = Step(ids, rows, from, from + count, [.. Enumerable.Range(0, rows * count).Select(i => (long)i)]);   // [B·count, V]
            sum += nn.functional.cross_entropy(logits, tensor(wanted), ignore_index: IgnoredTarget, reduction: nn.Reduction.Sum).item<float>();
        }
        return sum;
    }

    Tensor Step(ReadOnlySpan<int> ids, int rows, int from, int until, long[] wanted)
    {
        var (T, length, count) = (ids.Length / rows, Length, until - from);
        long[] tokens = new long[rows * count], at = new long[rows * count], owners = new long[rows * count], added = new long[rows];
        for (var row = 0; row < rows; row++)
        {
            added[row] = count;
            for (var t = 0; t < count; t++)
                (tokens[row * count + t], at[row * count + t], owners[row * count + t]) = (ids[row * T + from + t], length + t, row);
        }
        target.Extend(added);
        return decoder.Step(target, source, tokens, at, owners, wanted);
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        target.Select(rows);
        source?.Select(rows);
    }

    public void Dispose()
    {
        target.Dispose();
        source?.Dispose();
    }
}

/// <summary>A model's positions, of any kind, as tables for the decoder's kernels.</summary>
/// <param name="positions">The model's positions.</param>
/// <param name="width">The width D.</param>
/// <param name="context">The maximum number of positions.</param>
sealed class PositionTables(Positions positions, int width, int context) : IDisposable
{
    const long First = 256;

    /// <summary>The number of positions P in the tables.</summary>
    internal long Count { get; private set; }

    /// <summary>Added to embeddings, [P, D].</summary>
    internal Tensor? Added { get; private set; }

    /// <summary>Cosines of rotated positions, [P, E].</summary>
    internal Tensor? Cosines { get; private set; }

    /// <summary>Sines of rotated positions, [P, E].</summary>
    internal Tensor? Sines { get; private set; }

    /// <summary>Added to the scores of P keys by a query at the last of their positions, [H, P].</summary>
    internal Tensor? Bias { get; private set; }

    /// <summary>Makes the tables long enough for this many positions.</summary>
    internal void Cover(long count)
    {
        if (count <= Count) return;
        Dispose();
        using var scope = NewDisposeScope();
        Count = Math.Min(context, Math.Max(count, Math.Max(First, 2 * Count)));
        var nothing = zeros(1, Count, width);
        var embedded = positions.Embed(nothing, 0);                            // [1, P, D]
        if (!ReferenceEquals(embedded, nothing)) Added = Kept(embedded[0]);
        if (positions is RotaryPositionEmbedding rotary)
        {
            var (cosines, sines) = rotary.Tables(0, Count, nothing);
            (Cosines, Sines) = (Kept(cosines), Kept(sines));
        }
        Bias = positions.Bias(1, Count, nothing, bidirectional: false) is { } bias ? Kept(bias.squeeze(1)) : null;
    }

    static Tensor Kept(Tensor table) => table.detach().to(ScalarType.Float32).contiguous().clone().DetachFromDisposeScope();

    /// <summary>Frees the tables.</summary>
    public void Dispose()
    {
        Added?.Dispose();
        Cosines?.Dispose();
        Sines?.Dispose();
        Bias?.Dispose();
        (Added, Cosines, Sines, Bias) = (null, null, null, null);
    }
}
