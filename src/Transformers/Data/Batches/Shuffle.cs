using Transformers.IO;

namespace Transformers.Data.Batches;

/// <summary>A random order of 0 … n−1 that is computed place by place: no memory, and any place at once.</summary>
/// <remarks>Four rounds of a Feistel network over the next power of four, walked until the result is below n
/// (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, §4).</remarks>
readonly struct Shuffle
{
    const int Rounds = 4;

    readonly long count;
    readonly ulong seed, epoch;
    readonly int halfBits;

    public Shuffle(long count, ulong seed, long epoch)
    {
        (this.count, this.seed, this.epoch) = (count, seed, (ulong)epoch);
        while (count > 1L << (2 * halfBits)) halfBits++;
    }

    /// <summary>What stands at a place of the order.</summary>
    public long this[long place]
    {
        get
        {
            var value = (ulong)place;
            do value = Permute(value); while (value >= (ulong)count);
            return (long)value;
        }
    }

    ulong Permute(ulong value)
    {
        var mask = (1UL << halfBits) - 1;
        var (left, right) = (value >> halfBits, value & mask);
        for (var round = 0; round < Rounds; round++)
        {
            var random = new CounterRandom(seed ^ (ulong)round << 56, epoch) { Counter = right };
            (left, right) = (right, left ^ random.NextUInt64() & mask);
        }
        return left << halfBits | right;
    }
}
