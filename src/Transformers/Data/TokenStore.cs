namespace Transformers.Data;

/// <summary>Token ids of many sequences, kept end to end: four bytes a token and eight a sequence, no object for each.</summary>
public sealed class TokenStore
{
    const int BlockBits = 20;

    readonly List<int[]> blocks = [];
    readonly List<long> ends = [];
    long length;

    /// <summary>The number of sequences.</summary>
    public int Count => ends.Count;

    /// <summary>The number of tokens of all sequences.</summary>
    public long Tokens => length;

    /// <summary>The number of tokens of one sequence.</summary>
    public int LengthOf(int index) => (int)(ends[index] - StartOf(index));

    /// <summary>Adds one sequence at the end.</summary>
    public void Add(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            // Blocks of a million tokens grow without ever copying what is there.
            if (length >> BlockBits == blocks.Count) blocks.Add(new int[1 << BlockBits]);
            blocks[^1][length++ & ((1 << BlockBits) - 1)] = id;
        }
        ends.Add(length);
    }

    /// <summary>The id at a place of a sequence.</summary>
    public int this[int index, int place]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)place, (uint)LengthOf(index));
            var at = StartOf(index) + place;
            return blocks[(int)(at >> BlockBits)][at & ((1 << BlockBits) - 1)];
        }
    }

    /// <summary>One sequence as an array of its own.</summary>
    public int[] ToArray(int index)
    {
        var ids = new int[LengthOf(index)];
        for (var i = 0; i < ids.Length; i++) ids[i] = this[index, i];
        return ids;
    }

    long StartOf(int index) => index == 0 ? 0 : ends[index - 1];
}
