using System.Runtime.CompilerServices;

namespace Kernels.Tests;

/// <summary>Numbers that do not move, for the kernels to point at.</summary>
static unsafe class Memory
{
    /// <summary>Zeros.</summary>
    internal static T[] Zeros<T>(long count) where T : unmanaged => GC.AllocateArray<T>((int)count, pinned: true);

    /// <summary>A copy that does not move.</summary>
    internal static T[] Pinned<T>(params IEnumerable<T> numbers) where T : unmanaged
    {
        T[] given = [.. numbers];
        var copy = Zeros<T>(given.Length);
        given.CopyTo(copy, 0);
        return copy;
    }

    /// <summary>Where pinned numbers begin; null for none.</summary>
    internal static T* At<T>(T[]? pinned) where T : unmanaged =>
        pinned is null ? null : (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));

    /// <summary>Normally distributed numbers.</summary>
    internal static float[] Normal(Random random, long count, double deviation = 1)
    {
        var numbers = Zeros<float>(count);
        for (var i = 0; i < count; i++)
            numbers[i] = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return numbers;
    }

    /// <summary>The nearest bfloat16 numbers.</summary>
    internal static ushort[] Rounded(IEnumerable<float> numbers) => Pinned(numbers.Select(number =>
    {
        var bits = BitConverter.SingleToUInt32Bits(number);
        return (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }));

    /// <summary>bfloat16 numbers in 64 bits.</summary>
    internal static double[] Widened(IEnumerable<ushort> numbers) => [.. numbers.Select(bits => (double)BitConverter.UInt32BitsToSingle((uint)bits << 16))];

    /// <summary>Asserts that numbers agree: the norm of the difference against the expected norm.</summary>
    internal static void AssertNear(IReadOnlyList<double> expected, IReadOnlyList<double> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Count, actual.Count);
        Assert.True(actual.All(double.IsFinite), $"{what}: not all numbers are finite");
        double difference = 0, size = 0;
        for (var i = 0; i < expected.Count; i++)
        {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            size += expected[i] * expected[i];
        }
        Assert.True(Math.Sqrt(difference) <= tolerance * (Math.Sqrt(size) + Math.Sqrt(expected.Count)),
            $"{what}: differs by {Math.Sqrt(difference):G4}, the norm being {Math.Sqrt(size):G4}");
    }
}
