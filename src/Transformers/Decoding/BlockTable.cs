namespace Transformers.Decoding;

/// <summary>Which blocks of a cache hold the tokens of each row. Rows with a common past share its blocks.</summary>
/// <remarks>
/// As the page tables of Kwon et al. 2023, section 4: a row that goes on from another takes its list of blocks and not what is in them; a
/// block that two rows hold is copied only when one of them writes to it.
/// </remarks>
sealed class BlockTable
{
    /// <summary>The tokens of a block.</summary>
    internal const int Tokens = 16;

    readonly List<int> holders = [];
    readonly Stack<int> free = new();
    List<int>[] rows;

    /// <summary>A table of empty rows.</summary>
    internal BlockTable(int rows) => this.rows = [.. Enumerable.Range(0, rows).Select(_ => new List<int>())];

    /// <summary>The number of rows.</summary>
    internal int Rows => rows.Length;

    /// <summary>The number of blocks that were ever in use: what the cache needs room for.</summary>
    internal int Capacity => holders.Count;

    /// <summary>The number of blocks in use now.</summary>
    internal int InUse => holders.Count - free.Count;

    /// <summary>The blocks of a row, in the order of its tokens.</summary>
    internal IReadOnlyList<int> this[int row] => rows[row];

    /// <summary>Makes room for tokens that a row is about to write.</summary>
    /// <param name="row">The row.</param>
    /// <param name="from">The first place that is written.</param>
    /// <param name="until">The place after the last.</param>
    /// <param name="copies">Takes the blocks that are to be copied first, from and to.</param>
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
