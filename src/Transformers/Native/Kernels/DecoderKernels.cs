namespace Transformers.Native;

/// <summary>How packed weights are stored; 8-bit ones have a scale per row of a matrix.</summary>
enum PackedType
{
    Float32 = 0,
    BFloat16 = 1,
    Int8 = 2,
}

/// <summary>The sizes and the variant of a decoder.</summary>
struct DecoderForm
{
    internal long Layers, Width, Heads, KeyValueHeads, HeadWidth, Hidden, Vocabulary;

    /// <summary>0 GELU, 1 its tanh form, 2 SiLU, 3 ReLU.</summary>
    internal int Activation;

    // Each 0 or 1: whether the activation gates; whether norms are root-mean-square norms; whether norms come after the
    // residual sum; whether there is cross-attention.
    internal int Gated, Rms, PostNorm, Cross;
}

/// <summary>Keys and values in blocks of 16 tokens; row r's tokens 16i to 16i + 15 are in block table[r, i].</summary>
unsafe struct KernelCache
{
    internal void* Data;
    internal int* Table;
    internal long Blocks, Rows, Columns;
    internal KernelType Type;
}

/// <summary>One step of a decoder; sizes as in <see cref="DecoderForm"/>.</summary>
unsafe struct DecoderStep
{
    /// <summary>Packed by <see cref="DecoderKernels.Pack"/>.</summary>
    internal void* Weights;

    /// <summary>[Vocabulary, D].</summary>
    internal float* Embedding;
    internal long Vocabulary;

    /// <summary>Added to embeddings, [P, D]; null for none, like the next three.</summary>
    internal float* Added;

    /// <summary>Of rotary positions, [P, E].</summary>
    internal float* Cosines, Sines;

    /// <summary>Added to the scores of P keys for a query at position P - 1, [H, P].</summary>
    internal float* Bias;
    internal long PositionCount;

    /// <summary>The keys and values of the step's tokens are written to it.</summary>
    internal KernelCache Cache;

    /// <summary>Filled by <see cref="DecoderKernels.Source"/>; only with cross-attention, like the next two.</summary>
    internal KernelCache SourceCache;
    internal long* SourceLengths;
    internal long SourceRows;

    /// <summary>Each token's id, its position, and its row in the cache, [T].</summary>
    internal long* Ids, Positions, Rows;
    internal long Tokens;

    /// <summary>The tokens of the step whose logits are computed, [WantedCount].</summary>
    internal long* Wanted;
    internal long WantedCount;

    /// <summary>[WantedCount, V].</summary>
    internal float* Logits;
    internal float EmbeddingScale;
}

/// <summary>The sources of a decoder.</summary>
unsafe struct DecoderSource
{
    internal void* Weights;

    /// <summary>The encoder's output, [Rows, MemoryLength, D].</summary>
    internal float* Memory;
    internal long Rows, MemoryLength;
    internal long* Lengths;
    internal KernelCache Cache;
}

/// <summary>Selects the most probable columns of each row of logits.</summary>
unsafe struct TopColumns
{
    /// <summary>[Rows, RowStride]; overwritten.</summary>
    internal float* Logits;
    internal long Rows, RowStride, Columns, K;

    /// <summary>Columns that count in the softmax but are not selected.</summary>
    internal long* Banned;
    internal long BannedCount;

    /// <summary>[Rows, K] log-probabilities, greatest first.</summary>
    internal float* Values;

    /// <summary>[Rows, K].</summary>
    internal long* Ids;
}

/// <summary>Generation with a transformer's decoder: one call per step, with weights packed for a few rows at a time.</summary>
static unsafe partial class DecoderKernels
{
    /// <summary>Tokens in a block of a cache.</summary>
    internal const int BlockTokens = 16;

    /// <summary>The size of packed weights in bytes.</summary>
    /// <param name="form">The decoder.</param>
    /// <param name="parts">Weight and bias of each part in 32-bit floats, 0 for one that is absent: a layer's norm, projection to queries, keys and values, and output; with a source norm, query, keys and values, and output; norm, and the two layers of the feed-forward network; after the layers the last norm and the output matrix.</param>
    /// <param name="type">How weights are stored.</param>
    /// <param name="epsilon">The norms' epsilon.</param>
    internal static long Size(in DecoderForm form, ReadOnlySpan<nint> parts, PackedType type, double epsilon)
    {
        long bytes;
        fixed (nint* first = parts)
        {
            var arguments = Packing(form, first, parts.Length, type, epsilon);
            KernelStatus.Check(tk_decoder_size(&arguments, &bytes));
        }
        return bytes;
    }

    /// <summary>Packs weights into memory that is 64-byte aligned and of the size that <see cref="Size"/> returns for the same arguments.
    /// The result does not refer to the parts.</summary>
    internal static void Pack(in DecoderForm form, ReadOnlySpan<nint> parts, PackedType type, double epsilon, void* memory, long bytes)
    {
        fixed (nint* first = parts)
        {
            var arguments = Packing(form, first, parts.Length, type, epsilon);
            KernelStatus.Check(tk_decoder_pack(&arguments, memory, bytes));
        }
    }

    static PackArguments Packing(in DecoderForm form, nint* parts, int count, PackedType type, double epsilon)
    {
        var needed = 2 * (form.Layers * (form.Cross != 0 ? 10 : 6) + 2);
        if (count != needed) throw new ArgumentException($"a decoder of {form.Layers} layers has {needed} weights and biases, not {count}");
        return new PackArguments { Form = form, Parts = parts, Type = type, Epsilon = (float)epsilon };
    }

    /// <summary>Elements of a cache's block: keys and values of its tokens in all layers.</summary>
    internal static long CacheBlock(in DecoderForm form) => tk_decoder_cache_block(form);

    /// <summary>Runs tokens through all layers; writes their keys and values to the cache, and the wanted logits to memory.</summary>
    internal static void Step(in DecoderStep step) => KernelStatus.Check(tk_decoder_step(step));

    /// <summary>Writes the keys and values of sources to their cache.</summary>
    internal static void Source(in DecoderSource source) => KernelStatus.Check(tk_decoder_source(source));

    /// <summary>Copies blocks within a cache, in order.</summary>
    internal static void Copy(void* cache, long blocks, long blockBytes, ReadOnlySpan<long> from, ReadOnlySpan<long> to)
    {
        if (from.Length != to.Length) throw new ArgumentException($"{from.Length} blocks cannot be copied to {to.Length}");
        fixed (long* origins = from, targets = to) KernelStatus.Check(tk_decoder_copy(cache, blocks, blockBytes, origins, targets, from.Length));
    }

    /// <summary>The k most probable columns of each row; of equal values the lower column comes first.</summary>
    internal static void Top(in TopColumns top) => KernelStatus.Check(tk_decoder_top(top));

    struct PackArguments
    {
        internal DecoderForm Form;
        internal nint* Parts;
        internal PackedType Type;
        internal float Epsilon;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_decoder_size(PackArguments* arguments, long* bytes);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_decoder_pack(PackArguments* arguments, void* memory, long bytes);

    [LibraryImport(KernelStatus.Library)]
    private static partial long tk_decoder_cache_block(in DecoderForm form);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_decoder_step(in DecoderStep arguments);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_decoder_source(in DecoderSource arguments);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_decoder_copy(void* cache, long blocks, long blockBytes, long* from, long* to, long count);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_decoder_top(in TopColumns arguments);
}
