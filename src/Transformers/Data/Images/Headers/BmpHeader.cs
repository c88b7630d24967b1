using System.Buffers.Binary;

namespace Transformers.Data.Images.Headers;

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
        return Info(width, Math.Abs(height), BinaryPrimitives.ReadUInt16LittleEndian(header[14..]));
    }

    static ImageInfo Info(int width, int height, int bits) =>
        new(ImageFormat.Bmp, width, height, bits switch { <= 8 => 1, 32 => 4, _ => 3 }, bits switch { < 8 => bits, 16 => 5, _ => 8 }, bits == 32, 1);
}
