namespace Transformers.IO;

/// <summary>A generator of random numbers whose whole state is a key and a counter (SplitMix64), the same on every platform.</summary>
/// <remarks>Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: the n-th output is a mix of
/// key + n · γ, so any position can be reached directly, and a state is two integers.</remarks>
struct CounterRandom
{
    const ulong Gamma = 0x9E3779B97F4A7C15;

    readonly ulong key;

    /// <summary>A separate stream for each seed and index.</summary>
    public CounterRandom(ulong seed, ulong index)
    {
        key = Mix(Mix(seed + Gamma) ^ (index * 0xD1342543DE82EF95 + 0x632BE59BD9B4E019));
        Counter = 0;
    }

    /// <summary>How many numbers have been drawn; may be set to move anywhere in the stream.</summary>
    public ulong Counter { get; set; }

    public ulong NextUInt64() => Mix(key + ++Counter * Gamma);

    /// <summary>A number from 0 up to, not including, <paramref name="bound"/>.</summary>
    public long NextInt64(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        // The high half of a 128-bit product; its bias is below bound / 2^64.
        return (long)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }

    /// <summary>A number from 0 up to, not including, <paramref name="bound"/>.</summary>
    public int Next(int bound) => (int)NextInt64(bound);

    /// <summary>A number from 0 up to, not including, 1, in steps of 2⁻⁵³.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>One step of SplitMix64 from a state.</summary>
    internal static ulong Next(ref ulong state) => Mix(state += Gamma);

    /// <summary>Spreads every bit of a number over all of it.</summary>
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>A small generator of random numbers, one for each sample: xoshiro256**, seeded through SplitMix64.</summary>
/// <remarks>
/// What a sample draws depends on the integers it was made from and on nothing else, so batches are the same whatever
/// the number of threads. The sequence must never change: resumed runs depend on it.
/// </remarks>
public sealed class SampleRandom
{
    ulong a, b, c, d;

    /// <summary>A generator for a seed and a purpose, for example an epoch and an index.</summary>
    public SampleRandom(ulong seed, params ReadOnlySpan<ulong> purpose)
    {
        var state = seed;
        foreach (var part in purpose)
        {
            // Each part passes through the mixer before the next one is added: (1, 2) and (2, 1) are far apart.
            state = CounterRandom.Next(ref state) ^ (part * 0x9E3779B97F4A7C15);
        }
        (a, b, c, d) = (CounterRandom.Next(ref state), CounterRandom.Next(ref state), CounterRandom.Next(ref state), CounterRandom.Next(ref state));
    }

    /// <summary>64 random bits.</summary>
    public ulong NextBits()
    {
        var result = ulong.RotateLeft(b * 5, 7) * 9;
        var t = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = ulong.RotateLeft(d, 45);
        return result;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double Uniform(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>A whole number in [0, end).</summary>
    public int Next(int end) => (int)Math.BigMul(NextBits(), (ulong)end, out _);

    /// <summary>True with the given probability.</summary>
    public bool Chance(double probability) => NextDouble() < probability;

    /// <summary>Normal with mean 0 and standard deviation 1 (Box and Muller's first of two).</summary>
    public double Normal() => Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Beta(alpha, alpha), for mixing.</summary>
    /// <param name="alpha">Above 0.</param>
    public double Beta(double alpha)
    {
        var (first, second) = (LogGamma(alpha), LogGamma(alpha));
        // In logarithms: for a small alpha both samples underflow to zero.
        return 1 / (1 + Math.Exp(second - first));
    }

    // The logarithm of a Gamma(shape, 1) sample: Marsaglia and Tsang 2000, with their boost for shapes below 1.
    double LogGamma(double shape)
    {
        if (shape < 1) return LogGamma(shape + 1) + Math.Log(1 - NextDouble()) / shape;
        var d = shape - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        for (;;)
        {
            var x = Normal();
            var v = 1 + c * x;
            if (v <= 0) continue;
            v = v * v * v;
            if (Math.Log(1 - NextDouble()) < 0.5 * x * x + d - d * v + d * Math.Log(v)) return Math.Log(d * v);
        }
    }

    /// <summary>Puts items in a random order.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
