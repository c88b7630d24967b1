using System.Collections.Concurrent;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Loading;

/// <summary>Decoded pictures kept as bytes, as long as a budget lasts; grey ones take a third.</summary>
sealed class PixelCache(long budget)
{
    readonly record struct Entry(int Width, int Height, byte[] Bytes);

    readonly ConcurrentDictionary<int, Entry> entries = new();
    long spent;

    public long Bytes => Interlocked.Read(ref spent);

    public RgbImage? Find(int index)
    {
        if (!entries.TryGetValue(index, out var entry)) return null;
        // Whoever gets a cached picture must not write into it; grey ones are copies anyway.
        return entry.Bytes.Length == entry.Width * entry.Height
            ? RgbImage.FromGrey(entry.Bytes, entry.Width, entry.Height)
            : new RgbImage(entry.Width, entry.Height, entry.Bytes);
    }

    public void Keep(int index, RgbImage image)
    {
        if (budget == 0) return;
        var grey = image.IsGrey();
        var size = (grey ? 1L : 3L) * image.Width * image.Height;
        if (Interlocked.Add(ref spent, size) > budget)
        {
            Interlocked.Add(ref spent, -size);
            return;
        }
        var bytes = grey ? Grey(image) : image.Span.ToArray();
        if (!entries.TryAdd(index, new Entry(image.Width, image.Height, bytes))) Interlocked.Add(ref spent, -size);
    }

    static byte[] Grey(RgbImage image)
    {
        var bytes = new byte[image.Width * image.Height];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = image.Pixels[3 * i];
        return bytes;
    }
}
