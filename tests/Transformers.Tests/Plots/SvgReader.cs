using System.Buffers.Binary;
using System.IO.Compression;
using System.Xml.Linq;

namespace Transformers.Tests.Plots;

/// <summary>Reads plots back: as XML, and their rasters as PNG by the format's definition.</summary>
static class SvgReader
{
    internal static readonly XNamespace Namespace = "http://www.w3.org/2000/svg";

    internal static XElement Parse(string svg) => XDocument.Parse(svg).Root!;

    internal static List<string> Texts(string svg) => [.. Parse(svg).Descendants(Namespace + "text").Select(text => text.Value)];

    /// <summary>The cells of each raster: rows, columns, colour numbers.</summary>
    internal static List<byte[,]> Rasters(string svg) => [.. Parse(svg).Descendants(Namespace + "image")
        .Select(image => Decode(Convert.FromBase64String(image.Attribute("href")!.Value["data:image/png;base64,".Length..])))];

    static byte[,] Decode(byte[] png)
    {
        Assert.Equal([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], png[..8]);
        var (width, height) = (0, 0);
        var packed = new MemoryStream();
        for (var at = 8; at < png.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            var name = System.Text.Encoding.ASCII.GetString(png, at + 4, 4);
            Assert.Equal(Checksum(png.AsSpan(at + 4, length + 4)), BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at + 8 + length)));
            var data = png.AsSpan(at + 8, length);
            if (name == "IHDR") (width, height) = (BinaryPrimitives.ReadInt32BigEndian(data), BinaryPrimitives.ReadInt32BigEndian(data[4..]));
            if (name == "PLTE") Assert.Equal(768, length);
            if (name == "IDAT") packed.Write(data);
            at += 12 + length;
        }
        packed.Position = 0;
        using var zip = new ZLibStream(packed, CompressionMode.Decompress);
        var cells = new byte[height, width];
        for (var y = 0; y < height; y++)
        {
            Assert.Equal(0, zip.ReadByte());
            for (var x = 0; x < width; x++) cells[y, x] = (byte)zip.ReadByte();
        }
        Assert.Equal(-1, zip.ReadByte());
        return Cells(cells);
    }

    // A cell is a square of equal pixels, of the largest side that all of them are.
    static byte[,] Cells(byte[,] pixels)
    {
        var (height, width) = (pixels.GetLength(0), pixels.GetLength(1));
        for (var side = 16; ; side--)
        {
            if (height % side != 0 || width % side != 0 || Math.Clamp(512 / (Math.Max(height, width) / side), 1, 16) != side) continue;
            var cells = new byte[height / side, width / side];
            for (var y = 0; y < height; y += side)
                for (var x = 0; x < width; x += side) cells[y / side, x / side] = pixels[y, x];
            var equal = true;
            for (var y = 0; y < height; y++)
                for (var x = 0; x < width; x++) equal &= pixels[y, x] == cells[y / side, x / side];
            if (equal) return cells;
        }
    }

    static uint Checksum(ReadOnlySpan<byte> data)
    {
        var crc = 0xffffffffu;
        foreach (var one in data)
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
        return ~crc;
    }
}
