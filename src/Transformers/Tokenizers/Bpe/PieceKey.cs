using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Up to sixteen bytes of a piece as two words, the rest zero: compared and hashed in a few instructions.</summary>
readonly record struct PieceKey(ulong Low, ulong High)
{
    internal const int MaximumLength = 16;

    /// <summary>The key of a stretch of at most <see cref="MaximumLength"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static PieceKey Of(ReadOnlySpan<byte> text, int start, int length)
    {
        if (start + 16 <= text.Length && BitConverter.IsLittleEndian)
        {
            ref var first = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), start);
            var low = Unsafe.ReadUnaligned<ulong>(ref first);
            if (length <= 8) return new(low & Mask(length), 0);
            return new(low, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref first, 8)) & Mask(length - 8));
        }
        Span<byte> padded = stackalloc byte[16];
        padded.Clear();
        text.Slice(start, length).CopyTo(padded);
        return new(BinaryPrimitives.ReadUInt64LittleEndian(padded), BinaryPrimitives.ReadUInt64LittleEndian(padded[8..]));
    }

    /// <summary>A hash of the key and the piece's length, good in its upper bits.</summary>
    internal ulong Hash(int length)
    {
        var mixed = (Low ^ (ulong)length << 56) * 0x9E3779B97F4A7C15UL;
        mixed ^= mixed >> 32;
        mixed = (mixed ^ High) * 0xD6E8FEB86659FD93UL;
        mixed ^= mixed >> 32;
        return mixed * 0x9E3779B97F4A7C15UL;
    }

    // length is 1 to 8; a shift by 64 would be a shift by nothing.
    static ulong Mask(int length) => ulong.MaxValue >> (64 - 8 * length);
}
