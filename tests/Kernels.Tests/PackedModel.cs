using Transformers.Native;

namespace Kernels.Tests;

/// <summary>A reference decoder's weights as the kernels have them, and caches of random blocks.</summary>
sealed unsafe class PackedModel : IDisposable
{
    readonly DecoderForm form;
    readonly ReferenceDecoder model;
    readonly void* weights;
    readonly KernelType cacheType;

    internal PackedModel(DecoderForm form, ReferenceDecoder model, PackedType type)
    {
        (this.form, this.model) = (form, model);
        nint[] parts = [.. model.Parts.Select(part => (nint)Memory.At(part))];
        var bytes = DecoderKernels.Size(form, parts, type, ReferenceDecoder.NormEpsilon);
        weights = NativeMemory.AlignedAlloc((nuint)bytes, 64);
        DecoderKernels.Pack(form, parts, type, ReferenceDecoder.NormEpsilon, weights, bytes);
        cacheType = type == PackedType.BFloat16 ? KernelType.BFloat16 : KernelType.Float32;
    }

    /// <summary>A cache whose blocks are dealt out in a random order.</summary>
    internal Cache NewCache(int rows, int tokens, int seed) => new(DecoderKernels.CacheBlock(form), cacheType, rows, tokens, seed);

    /// <summary>Reads tokens of rows: token t is ids[t] at a position of a row.</summary>
    /// <returns>The logits of the tokens that are wanted, a row of V each.</returns>
    internal float[][] Step(Cache cache, (int id, int position, int row)[] tokens, long[] wanted, Cache? source = null, long[]? sourceLengths = null)
    {
        var (V, P) = ((int)form.Vocabulary, model.Positions);
        var logits = Memory.Zeros<float>(Math.Max(1, wanted.Length * V));
        long[] ids = Memory.Pinned(tokens.Select(t => (long)t.id)), positions = Memory.Pinned(tokens.Select(t => (long)t.position)), rows = Memory.Pinned(tokens.Select(t => (long)t.row));
        var (chosen, lengths) = (Memory.Pinned(wanted), sourceLengths is null ? null : Memory.Pinned(sourceLengths));
        DecoderKernels.Step(new DecoderStep
        {
            Weights = weights, Embedding = Memory.At(model.Embedding), Vocabulary = V, EmbeddingScale = model.EmbeddingScale,
            Added = Memory.At(model.Added), Cosines = Memory.At(model.Cosines), Sines = Memory.At(model.Sines), Bias = Memory.At(model.ScoreBias), PositionCount = P,
            Cache = cache.View, SourceCache = source?.View ?? default, SourceLengths = Memory.At(lengths), SourceRows = lengths?.Length ?? 0,
            Ids = Memory.At(ids), Positions = Memory.At(positions), Rows = Memory.At(rows), Tokens = tokens.Length,
            Wanted = Memory.At(chosen), WantedCount = wanted.Length, Logits = Memory.At(logits),
        });
        GC.KeepAlive((ids, positions, rows, chosen, lengths));
        return [.. Enumerable.Range(0, wanted.Length).Select(i => logits[(i * V)..((i + 1) * V)])];
    }

    /// <summary>Reads rows of equal length in pieces and returns the logits after each row's last token.</summary>
    internal float[][] Read(int[][] rows, Cache cache, params int[] cuts)
    {
        var T = rows[0].Length;
        float[][] logits = [];
        var from = 0;
        foreach (var until in cuts.Where(cut => cut > 0 && cut < T).Order().Distinct().Append(T))
        {
            (int, int, int)[] tokens = [.. rows.SelectMany((ids, row) => Enumerable.Range(from, until - from).Select(position => (ids[position], position, row)))];
            logits = Step(cache, tokens, [.. rows.Select((_, row) => (long)(row + 1) * (until - from) - 1)]);
            from = until;
        }
        return logits;
    }

    /// <summary>Reads sources of various lengths into a cache.</summary>
    internal void ReadSources(Cache cache, float[] memory, int length, long[] lengths)
    {
        var pinned = Memory.Pinned(lengths);
        DecoderKernels.Source(new DecoderSource { Weights = weights, Memory = Memory.At(memory), Rows = lengths.Length, MemoryLength = length, Lengths = Memory.At(pinned), Cache = cache.View });
        GC.KeepAlive(pinned);
    }

    public void Dispose() => NativeMemory.AlignedFree(weights);

    /// <summary>Memory of keys and values, at first not numbers, with a table that scatters the rows' blocks.</summary>
    internal sealed class Cache
    {
        readonly float[] data;
        readonly int[] table;
        readonly int blocks, rows, columns;
        readonly KernelType type;

        internal Cache(long elements, KernelType type, int rows, int tokens, int seed)
        {
            (this.type, this.rows) = (type, rows);
            columns = (tokens + DecoderKernels.BlockTokens - 1) / DecoderKernels.BlockTokens;
            blocks = rows * columns + 2;
            data = Memory.Pinned(Enumerable.Repeat(float.NaN, (int)(blocks * elements)));
            int[] order = [.. Enumerable.Range(0, blocks)];
            new Random(seed).Shuffle(order);
            table = Memory.Pinned(order[..(rows * columns)]);
        }

        internal KernelCache View => new() { Data = Memory.At(data), Table = Memory.At(table), Blocks = blocks, Rows = rows, Columns = columns, Type = type };

        internal void Damage(int row) => table[row * columns] = blocks;
    }
}
