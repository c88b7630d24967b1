using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Keys and values of all layers for rows of tokens, in blocks that rows may share.</summary>
sealed class PagedCache : IDisposable
{
    readonly BlockTable blocks;
    readonly long numbers;
    readonly ScalarType type;
    Tensor? table;

    /// <summary>An empty cache.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="numbers">The numbers of a block: keys and values of its tokens in all layers.</param>
    /// <param name="type">32-bit floats or bfloat16.</param>
    internal PagedCache(int rows, long numbers, ScalarType type)
    {
        (this.numbers, this.type) = (numbers, type);
        blocks = new BlockTable(rows);
        Lengths = new long[rows];
        Storage = NewStorage(Math.Max(1, rows));
    }

    /// <summary>The number of tokens of each row.</summary>
    internal long[] Lengths { get; private set; }

    /// <summary>The number of rows.</summary>
    internal int Rows => Lengths.Length;

    /// <summary>The blocks' numbers, [blocks, numbers].</summary>
    internal Tensor Storage { get; private set; }

    /// <summary>The blocks of each row, [rows, blocks], whole numbers; what lies beyond a row's blocks means nothing.</summary>
    internal Tensor Table => table ??= NewTable();

    /// <summary>Makes room for more tokens of each row; they are then to be written.</summary>
    internal void Extend(ReadOnlySpan<long> tokens)
    {
        List<(int from, int to)> copies = [];
        var changed = false;
        for (var row = 0; row < Rows; row++)
        {
            changed |= blocks.Reserve(row, Lengths[row], Lengths[row] + tokens[row], copies);
            Lengths[row] += tokens[row];
        }
        if (changed) Forget();
        if (blocks.Capacity > Storage.size(0)) Grow();
        if (copies.Count > 0) EngineDecoder.Copy(Storage, [.. copies.Select(copy => (long)copy.from)], [.. copies.Select(copy => (long)copy.to)]);
    }

    /// <summary>Keeps rows, in a new order; a row may be taken several times.</summary>
    internal void Select(ReadOnlySpan<int> rows)
    {
        blocks.Select(rows);
        var lengths = new long[rows.Length];
        for (var i = 0; i < lengths.Length; i++) lengths[i] = Lengths[rows[i]];
        Lengths = lengths;
        Forget();
    }

    void Grow()
    {
        var larger = NewStorage(Math.Max(blocks.Capacity, 2 * Storage.size(0)));
        using (var part = larger.narrow(0, 0, Storage.size(0))) part.copy_(Storage);
        Storage.Dispose();
        Storage = larger;
    }

    Tensor NewStorage(long count) => empty(count, numbers, dtype: type).DetachFromDisposeScope();

    Tensor NewTable()
    {
        var columns = Math.Max(1, Enumerable.Range(0, Rows).Select(row => blocks[row].Count).DefaultIfEmpty().Max());
        var ids = new int[Rows * columns];
        for (var row = 0; row < Rows; row++)
            for (var i = 0; i < blocks[row].Count; i++) ids[row * columns + i] = blocks[row][i];
        return tensor(ids, [Rows, columns]).DetachFromDisposeScope();
    }

    void Forget()
    {
        table?.Dispose();
        table = null;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Forget();
        Storage.Dispose();
    }
}
