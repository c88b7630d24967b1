using System.Buffers.Binary;
using System.IO.Compression;

namespace Transformers.Plots;

/// <summary>A small picture of coloured cells as PNG: 8-bit indices into a palette.</summary>
/// <remarks>PNG specification (W3C), third edition, chapters 5 and 11.</remarks>
static class PngRaster
{
    static readonly uint[] Table = MakeTable();

    /// <summary>The bytes of a file.</summary>
    /// <param name="indices">Colour numbers, row by row from the top.</param>
    /// <param name="columns">Cells a row.</param>
    /// <param name="scale">The colours.</param>
    internal static byte[] Encode(ReadOnlySpan<byte> indices, int columns, ColorScale scale)
    {
        var rows = indices.Length / columns;
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, columns);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], rows);
        header[8] = 8; // bits an index
        header[9] = 3; // indices into a palette
        Chunk(file, "IHDR"u8, header);
        Chunk(file, "PLTE"u8, scale.Palette);
        using var packed = new MemoryStream();
        using (var zip = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            for (var row = 0; row < rows; row++)
            {
                zip.WriteByte(0); // no filter
                zip.Write(indices.Slice(row * columns, columns));
            }
        Chunk(file, "IDAT"u8, packed.ToArray());
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
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
