namespace Transformers.Data;

/// <summary>The size and order of batches.</summary>
sealed record BucketOptions
{
    /// <summary>The maximum padded size of a batch, in tokens: its rows times the longest row (the longer side, for pairs).</summary>
    public int? Tokens { get; init; }
    /// <summary>The maximum number of rows of a batch; if both are given, neither is exceeded.</summary>
    public int? Sequences { get; init; }
    public ulong Seed { get; init; }
    /// <summary>Whether every epoch has its own order; if not, batches run from the shortest to the longest.</summary>
    public bool Shuffle { get; init; } = true;
}

/// <summary>Puts sequences of similar length into one batch, so that little of it is padding.</summary>
/// <remarks>
/// The order of an epoch is a function of (seed, epoch) alone: sequences are shuffled, then sorted by length (so that those of one
/// length meet different neighbours every epoch), cut into batches, and the batches are shuffled. The number of batches is the
/// same in every epoch.
/// </remarks>
sealed class LengthBuckets
{
    readonly (int Size, int Order)[] lengths;
    readonly BucketOptions options;
    readonly Lock guard = new();
    (int Epoch, int[][] Batches) plan;

    public LengthBuckets(IEnumerable<(int Size, int Order)> lengths, BucketOptions options)
    {
        this.lengths = [.. lengths];
        this.options = options;
        if (options.Tokens is null && options.Sequences is null)
            throw new ArgumentException("Either the tokens or the sequences of a batch must be given", nameof(options));
        if (this.lengths.Length == 0) throw new UserException("there are no examples to form batches from");
        var longest = this.lengths.Max(l => l.Size);
        if (options.Tokens < longest)
            throw new UserException([new Problem($"training.batch.tokens ({options.Tokens}) must be at least the length of the longest sequence ({longest})", Path: "training.batch.tokens",
                Hint: "raise it, or lower data.max_length")]);
        plan = (0, Plan(0));
        BatchesPerEpoch = plan.Batches.Length;
    }

    public int BatchesPerEpoch { get; }

    /// <summary>The numbers of the sequences of one batch; safe to call from several threads.</summary>
    public ReadOnlyMemory<int> At(DataPosition position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position.Epoch);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)position.Next, (ulong)BatchesPerEpoch);
        return Epoch((int)position.Epoch)[(int)position.Next];
    }

    int[][] Epoch(int epoch)
    {
        lock (guard)
        {
            if (plan.Epoch != epoch) plan = (epoch, Plan(epoch));
            return plan.Batches;
        }
    }

    int[][] Plan(int epoch)
    {
        var random = new CounterRandom(options.Seed, (ulong)epoch);
        var order = Enumerable.Range(0, lengths.Length).ToArray();
        if (options.Shuffle) Shuffle(order, ref random);
        // Sorting positions by (length, order, position in the shuffle) is a stable sort of the shuffle.
        var positions = Enumerable.Range(0, order.Length).ToArray();
        var keys = order.Select((index, position) => (lengths[index].Size, lengths[index].Order, position)).ToArray();
        Array.Sort(keys, positions);
        var batches = new List<int[]>();
        var batch = new List<int>();
        foreach (var position in positions)
        {
            // Sorted upwards, so the newest sequence is the longest of the batch.
            var size = lengths[order[position]].Size;
            if (batch.Count > 0 && (batch.Count >= options.Sequences || (batch.Count + 1L) * size > options.Tokens))
            {
                batches.Add([.. batch]);
                batch.Clear();
            }
            batch.Add(order[position]);
        }
        batches.Add([.. batch]);
        var result = batches.ToArray();
        if (options.Shuffle) Shuffle(result, ref random);
        return result;
    }

    static void Shuffle<T>(T[] items, ref CounterRandom random)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = random.Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}

/// <summary>Token ids of many sequences, kept end to end: four bytes per token and eight per sequence, no object for each.</summary>
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

    /// <summary>The id at a position of a sequence.</summary>
    public int this[int index, int position]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)LengthOf(index));
            var at = StartOf(index) + position;
            return blocks[(int)(at >> BlockBits)][at & ((1 << BlockBits) - 1)];
        }
    }

    /// <summary>One sequence as a new array.</summary>
    public int[] ToArray(int index)
    {
        var ids = new int[LengthOf(index)];
        for (var i = 0; i < ids.Length; i++) ids[i] = this[index, i];
        return ids;
    }

    long StartOf(int index) => index == 0 ? 0 : ends[index - 1];
}
