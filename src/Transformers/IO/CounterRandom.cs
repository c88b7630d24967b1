namespace Transformers.IO;

/// <summary>A generator of random numbers whose whole state is a key and a counter (SplitMix64), the same on every platform.</summary>
/// <remarks>Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: the n-th output is a mix of
/// key + n · γ, so any position can be reached at once and a state is two integers.</remarks>
public struct CounterRandom
{
    const ulong Gamma = 0x9E3779B97F4A7C15;

    readonly ulong key;

    /// <summary>A stream of its own for each seed and index.</summary>
    public CounterRandom(ulong seed, ulong index)
    {
        key = Mix(Mix(seed + Gamma) ^ (index * 0xD1342543DE82EF95 + 0x632BE59BD9B4E019));
        Counter = 0;
    }

    /// <summary>How many numbers have been drawn; may be set to go anywhere in the stream.</summary>
    public ulong Counter { get; set; }

    /// <summary>Sixty-four random bits.</summary>
    public ulong NextUInt64() => Mix(key + ++Counter * Gamma);

    /// <summary>A number from 0 up to, not including, <paramref name="bound"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is below 1.</exception>
    public long NextInt64(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        // The high half of a 128-bit product; its bias is below bound / 2^64.
        return (long)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }

    /// <summary>A number from 0 up to, not including, <paramref name="bound"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is below 1.</exception>
    public int Next(int bound) => (int)NextInt64(bound);

    /// <summary>A number from 0 up to, not including, 1, in steps of 2⁻⁵³.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
