using System.Buffers.Binary;
using System.IO.Compression;

namespace Transformers.Plots;

/// <summary>Small pictures as PNG: coloured cells, as 8-bit indices into a palette, or red, green and blue.</summary>
/// <remarks>
/// PNG specification (W3C), third edition, chapters 5 and 11. A cell is a square of pixels: what shows the picture smooths over
/// pixels that it enlarges, and of one pixel a cell nothing would be left but a blur.
/// </remarks>
static class PngRaster
{
    static readonly uint[] Table = MakeTable();

    /// <summary>A picture of coloured cells.</summary>
    /// <param name="indices">Colour numbers, row by row from the top.</param>
    /// <param name="columns">Cells a row.</param>
    /// <param name="scale">The colours.</param>
    internal static RasterPicture Encode(ReadOnlySpan<byte> indices, int columns, ColorScale scale) =>
        Encode(indices, columns, indices.Length / columns, bytesPerCell: 1, scale.Palette);

    /// <summary>A picture of red, green and blue.</summary>
    /// <param name="pixels">Red, green, blue of each pixel, row by row from the top.</param>
    /// <param name="width">Pixels a row.</param>
    internal static RasterPicture EncodeRgb(ReadOnlySpan<byte> pixels, int width) => Encode(pixels, width, pixels.Length / (3 * width), bytesPerCell: 3, []);

    static RasterPicture Encode(ReadOnlySpan<byte> data, int columns, int rows, int bytesPerCell, ReadOnlySpan<byte> palette)
    {
        var side = Math.Clamp(512 / Math.Max(columns, rows), 1, 16); // pixels of a cell, each way
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, columns * side);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], rows * side);
        header[8] = 8; // bits a number
        header[9] = (byte)(bytesPerCell == 3 ? 2 : 3); // red, green and blue, or indices into a palette
        Chunk(file, "IHDR"u8, header);
        if (palette.Length > 0) Chunk(file, "PLTE"u8, palette);
        using var packed = new MemoryStream();
        using (var zip = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            var line = new byte[1 + columns * side * bytesPerCell]; // the first byte: no filter
            for (var row = 0; row < rows; row++)
            {
                var cells = data.Slice(row * columns * bytesPerCell, columns * bytesPerCell);
                for (var pixel = 0; pixel < columns * side; pixel++)
                    cells.Slice(pixel / side * bytesPerCell, bytesPerCell).CopyTo(line.AsSpan(1 + pixel * bytesPerCell));
                for (var copy = 0; copy < side; copy++) zip.Write(line);
            }
        }
        Chunk(file, "IDAT"u8, packed.ToArray());
        Chunk(file, "IEND"u8, []);
        return new(file.ToArray(), columns * side, rows * side);
    }

    static void Chunk(Stream file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(name);
        file.Write(data);
        var crc = Append(Append(0xffffffff, name), data) ^ 0xffffffff;
        BinaryPrimitives.WriteUInt32BigEndian(number, crc);
        file.Write(number);
    }

    static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var one in bytes) crc = Table[(crc ^ one) & 0xff] ^ crc >> 8;
        return crc;
    }

    static uint[] MakeTable()
    {
        var table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            var crc = n;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
            table[n] = crc;
        }
        return table;
    }
}
