using System.Numerics.Tensors;
using static TorchSharp.torch;

namespace Transformers.Processes;

/// <summary>Adds the processes' numbers in rank order.</summary>
static unsafe class OrderedSum
{
    /// <summary>The bytes of a number.</summary>
    internal static int SizeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => sizeof(float),
        ScalarType.Float64 => sizeof(double),
        ScalarType.BFloat16 => sizeof(ushort),
        _ => throw new ArgumentException($"processes can add 32-bit and 64-bit numbers and bfloat16, not {type}"),
    };

    /// <summary>Adds rows of numbers: ((row 0 + row 1) + row 2) and so on; bfloat16 is added in 32 bits and rounded once.</summary>
    /// <param name="rows">The rows, one after the other.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="numbers">The numbers of a row.</param>
    /// <param name="type">Their type.</param>
    /// <param name="sum">Receives the sum; of the rows, it may overlap only the first.</param>
    internal static void Add(byte* rows, int count, int numbers, ScalarType type, byte* sum)
    {
        switch (type)
        {
            case ScalarType.Float32: Add<float>(rows, count, numbers, sum); break;
            case ScalarType.Float64: Add<double>(rows, count, numbers, sum); break;
            case ScalarType.BFloat16: AddBFloat16((ushort*)rows, count, numbers, (ushort*)sum); break;
            default: throw new ArgumentException($"{type} numbers cannot be added");
        }
    }

    static void Add<T>(byte* rows, int count, int numbers, byte* sum) where T : unmanaged, System.Numerics.INumber<T>
    {
        var to = new Span<T>(sum, numbers);
        new Span<T>(rows, numbers).CopyTo(to);
        for (var row = 1; row < count; row++) TensorPrimitives.Add<T>(to, new ReadOnlySpan<T>(rows + (long)row * numbers * sizeof(T), numbers), to);
    }

    static void AddBFloat16(ushort* rows, int count, int numbers, ushort* sum)
    {
        const int block = 1024;
        Span<float> total = stackalloc float[block];
        for (var first = 0; first < numbers; first += block)
        {
            var some = Math.Min(block, numbers - first);
            for (var i = 0; i < some; i++)
            {
                var one = 0f;
                for (var row = 0; row < count; row++) one = row == 0 ? Widen(rows[first + i]) : one + Widen(rows[(long)row * numbers + first + i]);
                total[i] = one;
            }
            for (var i = 0; i < some; i++) sum[first + i] = Round(total[i]);
        }
    }

    static float Widen(ushort bits) => BitConverter.Int32BitsToSingle(bits << 16);

    // To the nearest, ties to even; NaN stays NaN.
    static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x40);
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}

/// <summary>Reusable memory outside the garbage-collected heap, which grows as needed.</summary>
sealed unsafe class Staging : IDisposable
{
    byte* block;
    long size;

    /// <summary>At least this many bytes, with undefined content.</summary>
    internal byte* Take(long bytes)
    {
        if (bytes > size)
        {
            NativeMemory.Free(block);
            block = (byte*)NativeMemory.Alloc((nuint)bytes);
            size = bytes;
        }
        return block;
    }

    public void Dispose()
    {
        NativeMemory.Free(block);
        block = null;
        size = 0;
    }
}
