using System.Buffers;

namespace Transformers.IO.Images;

/// <summary>Borrowed memory for pixels of four bytes: red, green, blue, alpha.</summary>
readonly ref struct PooledPixels(int width, int height)
{
    readonly int length = checked(4 * width * height);
    readonly byte[] memory = ArrayPool<byte>.Shared.Rent(checked(4 * width * height));

    /// <summary>The bytes, row by row without padding.</summary>
    public Span<byte> Bytes => memory.AsSpan(0, length);

    public void Dispose() => ArrayPool<byte>.Shared.Return(memory);
}
