using System.Buffers.Binary;

namespace Transformers.IO.Images;

/// <summary>PNG: the header chunk, and what other chunks say of transparency and orientation (W3C, third edition, chapter 11).</summary>
static class PngHeader
{
    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    internal static ImageInfo Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < 33) throw ImageHeader.Truncated("PNG");
        var header = file[8..33];
        if (BinaryPrimitives.ReadInt32BigEndian(header) != 13 || !header[4..].StartsWith("IHDR"u8))
            throw ImageHeader.Corrupt("the PNG file does not start with an IHDR chunk");
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(header[8..]), BinaryPrimitives.ReadInt32BigEndian(header[12..]));
        var channels = header[17] switch { 0 or 3 => 1, 2 => 3, 4 => 2, 6 => 4, _ => throw ImageHeader.Corrupt($"the PNG header's colour type ({header[17]}) does not exist") };
        var info = new ImageInfo(ImageFormat.Png, width, height, channels, header[16], header[17] >= 4, 1);
        // The other chunks may come in nearly any order; broken ones are the decoder's to report.
        for (var rest = file[33..]; rest.Length >= 12;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12) break;
            var body = rest.Slice(8, (int)length);
            if (rest[4..].StartsWith("tRNS"u8)) info = info with { HasAlpha = true };
            if (rest[4..].StartsWith("eXIf"u8)) info = info with { Orientation = Exif.Orientation(body) };
            rest = rest[(12 + body.Length)..];
        }
        return info;
    }
}
