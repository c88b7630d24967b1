using System.Buffers.Binary;
using System.Numerics;

namespace Transformers.IO.Images;

/// <summary>BMP: the file header and the bitmap header after it, of OS/2 or Windows.</summary>
static class BmpHeader
{
    const int FileHeader = 14, CoreHeader = 12;

    internal static ImageInfo Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < FileHeader + CoreHeader) throw ImageHeader.Truncated("BMP");
        var header = file[FileHeader..];
        var size = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (size == CoreHeader)
            return Info(BinaryPrimitives.ReadUInt16LittleEndian(header[4..]), BinaryPrimitives.ReadUInt16LittleEndian(header[6..]), BinaryPrimitives.ReadUInt16LittleEndian(header[10..]));
        if (size < 16) throw ImageHeader.Corrupt($"the BMP file gives its header's size as {size}");
        if (header.Length < 16) throw ImageHeader.Truncated("BMP");
        // Rows from the top have a negative height.
        var (width, height) = (BinaryPrimitives.ReadInt32LittleEndian(header[4..]), BinaryPrimitives.ReadInt32LittleEndian(header[8..]));
        if (width < 0 || height == int.MinValue) throw ImageHeader.Corrupt("the BMP header's size is out of range");
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(header[14..]);
        CheckMasks(header, size, bits);
        return Info(width, Math.Abs(height), bits);
    }

    // Which bits of a pixel are red, green, blue and alpha, where the file says so itself.
    static void CheckMasks(ReadOnlySpan<byte> header, uint size, int bits)
    {
        const int compression = 16, masks = 40, byMasks = 3, withAlpha = 56;
        if (header.Length < masks + 16 || BinaryPrimitives.ReadUInt32LittleEndian(header[compression..]) != byMasks) return;
        for (var i = 0; i < (size >= withAlpha ? 4 : 3); i++)
        {
            var mask = BinaryPrimitives.ReadUInt32LittleEndian(header[(masks + 4 * i)..]) & (uint)((1UL << Math.Min(bits, 32)) - 1);
            if (mask != 0 && !BitOperations.IsPow2((mask >> BitOperations.TrailingZeroCount(mask)) + 1UL))
                throw ImageHeader.Corrupt($"the bits of a channel ({mask:x8}) are not next to each other in the BMP file");
        }
    }

    static ImageInfo Info(int width, int height, int bits) =>
        new(ImageFormat.Bmp, width, height, bits switch { <= 8 => 1, 32 => 4, _ => 3 }, bits switch { < 8 => bits, 16 => 5, _ => 8 }, bits == 32, 1);
}
