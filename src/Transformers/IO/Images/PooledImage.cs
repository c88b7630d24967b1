using System.Buffers;

namespace Transformers.IO.Images;

/// <summary>A picture in borrowed memory, for the moment between decoding and resizing.</summary>
sealed class PooledImage : IDisposable
{
    readonly byte[] memory;

    public PooledImage(int width, int height)
    {
        memory = ArrayPool<byte>.Shared.Rent(checked(3 * width * height));
        Image = new RgbImage(width, height, memory);
    }

    public RgbImage Image { get; }

    public void Dispose() => ArrayPool<byte>.Shared.Return(memory);
}
