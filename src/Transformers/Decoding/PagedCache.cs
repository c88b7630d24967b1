using Transformers.Native;

namespace Transformers.Decoding;

/// <summary>Keys and values of all layers for rows of tokens, in blocks that rows may share.</summary>
sealed unsafe class PagedCache : IDisposable
{
    readonly BlockTable blocks;
    readonly long blockBytes;
    readonly KernelType type;
    LargePageMemory memory;
    int[]? table;
    int columns;

    /// <summary>An empty cache.</summary>
    /// <param name="elements">The elements of a block: keys and values of its tokens in all layers.</param>
    internal PagedCache(int rows, long elements, KernelType type)
    {
        this.type = type;
        blockBytes = elements * (type == KernelType.BFloat16 ? 2 : 4);
        blocks = new BlockTable(rows);
        Lengths = new long[rows];
        memory = new LargePageMemory(Math.Max(1, rows) * blockBytes);
    }

    /// <summary>The number of tokens of each row.</summary>
    internal long[] Lengths { get; private set; }

    /// <summary>The number of rows.</summary>
    internal int Rows => Lengths.Length;

    /// <summary>The blocks of each row, [rows, columns]; entries beyond a row's blocks are undefined.</summary>
    internal int[] Table => table ??= NewTable();

    // The number of blocks that fit in the allocated memory.
    long Capacity => memory.Bytes / blockBytes;

    /// <summary>The cache as the kernels see it.</summary>
    /// <param name="table"><see cref="Table"/>, which must not move while the view is in use.</param>
    internal KernelCache View(int* table) => new()
    {
        Data = memory.Address, Table = table, Blocks = Capacity, Rows = Rows, Columns = columns, Type = type,
    };

    /// <summary>Makes room for more tokens of each row, which the caller then writes.</summary>
    internal void Extend(ReadOnlySpan<long> tokens)
    {
        List<(int from, int to)> copies = [];
        var changed = false;
        for (var row = 0; row < Rows; row++)
        {
            changed |= blocks.Reserve(row, Lengths[row], Lengths[row] + tokens[row], copies);
            Lengths[row] += tokens[row];
        }
        if (changed) table = null;
        if (blocks.Capacity > Capacity) Grow();
        if (copies.Count > 0)
            DecoderKernels.Copy(memory.Address, Capacity, blockBytes, [.. copies.Select(copy => (long)copy.from)], [.. copies.Select(copy => (long)copy.to)]);
    }

    /// <summary>Keeps rows, in a new order; a row may be taken several times.</summary>
    internal void Select(ReadOnlySpan<int> rows)
    {
        blocks.Select(rows);
        var lengths = new long[rows.Length];
        for (var i = 0; i < lengths.Length; i++) lengths[i] = Lengths[rows[i]];
        Lengths = lengths;
        table = null;
    }

    void Grow()
    {
        var larger = new LargePageMemory(Math.Max(blocks.Capacity * blockBytes, 2 * memory.Bytes));
        Buffer.MemoryCopy(memory.Address, larger.Address, larger.Bytes, memory.Bytes);
        memory.Dispose();
        memory = larger;
    }

    int[] NewTable()
    {
        columns = Math.Max(1, Enumerable.Range(0, Rows).Select(row => blocks[row].Count).DefaultIfEmpty().Max());
        var ids = new int[Math.Max(1, Rows) * columns];
        for (var row = 0; row < Rows; row++)
            for (var i = 0; i < blocks[row].Count; i++) ids[row * columns + i] = blocks[row][i];
        return ids;
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => memory.Dispose();
}

/// <summary>Which blocks of a cache contain the tokens of each row. Rows with a common prefix share its blocks.</summary>
/// <remarks>
/// Like the page tables of Kwon et al. 2023, section 4: a row that continues another copies its list of blocks, not their contents; a
/// block that two rows share is copied only when one of them writes to it.
/// </remarks>
sealed class BlockTable
{
    /// <summary>The number of tokens in a block.</summary>
    internal const int Tokens = 16;

    readonly List<int> holders = [];
    readonly Stack<int> free = new();
    List<int>[] rows;

    /// <summary>A table of empty rows.</summary>
    internal BlockTable(int rows) => this.rows = [.. Enumerable.Range(0, rows).Select(_ => new List<int>())];

    /// <summary>The largest number of blocks in use so far, for which the cache needs room.</summary>
    internal int Capacity => holders.Count;

    /// <summary>The number of blocks in use now.</summary>
    internal int InUse => holders.Count - free.Count;

    /// <summary>The blocks of a row, in the order of its tokens.</summary>
    internal IReadOnlyList<int> this[int row] => rows[row];

    /// <summary>Makes room for tokens that a row is about to write.</summary>
    /// <returns>Whether the row's list has changed.</returns>
    internal bool Reserve(int row, long from, long until, List<(int from, int to)> copies)
    {
        var blocks = rows[row];
        var changed = false;
        if (from % Tokens != 0 && blocks[(int)(from / Tokens)] is var last && holders[last] > 1)
        {
            holders[last]--;
            copies.Add((last, blocks[(int)(from / Tokens)] = Take()));
            changed = true;
        }
        while (blocks.Count * (long)Tokens < until)
        {
            blocks.Add(Take());
            changed = true;
        }
        return changed;
    }

    /// <summary>Keeps rows, in a new order; a row may be taken several times.</summary>
    internal void Select(ReadOnlySpan<int> chosen)
    {
        var next = new List<int>[chosen.Length];
        for (var i = 0; i < chosen.Length; i++)
        {
            next[i] = [.. rows[chosen[i]]];
            foreach (var block in next[i]) holders[block]++;
        }
        foreach (var row in rows)
            foreach (var block in row)
                if (--holders[block] == 0) free.Push(block);
        rows = next;
    }

    int Take()
    {
        if (free.TryPop(out var block))
        {
            holders[block] = 1;
            return block;
        }
        holders.Add(1);
        return holders.Count - 1;
    }
}
