using System.Buffers.Binary;

namespace Transformers.IO.Images;

/// <summary>WebP: the first chunk of its RIFF container, lossy, lossless or extended (RFC 9649).</summary>
static class WebPHeader
{
    const int ChunkHead = 8, First = 12;

    internal static ImageInfo Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < First + ChunkHead + 10) throw ImageHeader.Truncated("WebP");
        var name = file.Slice(First, 4);
        var body = file[(First + ChunkHead)..];
        if (name.SequenceEqual("VP8X"u8))
        {
            const int alphaFlag = 0x10;
            var alpha = (body[0] & alphaFlag) != 0;
            return new ImageInfo(ImageFormat.WebP, Of24Bits(body[4..]) + 1, Of24Bits(body[7..]) + 1, alpha ? 4 : 3, 8, alpha, Orientation(file));
        }
        if (name.SequenceEqual("VP8L"u8))
        {
            if (body[0] != 0x2F) throw ImageHeader.Corrupt("the WebP file's lossless data have no signature");
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(body[1..]);
            var alpha = (bits >> 28 & 1) != 0;
            return new ImageInfo(ImageFormat.WebP, (int)(bits & 0x3FFF) + 1, (int)(bits >> 14 & 0x3FFF) + 1, alpha ? 4 : 3, 8, alpha, 1);
        }
        if (!name.SequenceEqual("VP8 "u8)) throw ImageHeader.Corrupt("the WebP file does not start with a chunk of picture data");
        if (!body[3..].StartsWith((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A])) throw ImageHeader.Corrupt("the WebP file's lossy data have no start code");
        return new ImageInfo(ImageFormat.WebP, BinaryPrimitives.ReadUInt16LittleEndian(body[6..]) & 0x3FFF, BinaryPrimitives.ReadUInt16LittleEndian(body[8..]) & 0x3FFF, 3, 8, false, 1);
    }

    internal static void CheckComplete(ReadOnlySpan<byte> file)
    {
        var size = BinaryPrimitives.ReadUInt32LittleEndian(file[4..]);
        if (size > file.Length - ChunkHead)
            throw new ImageException(ImageFault.Truncated, $"the WebP file has {file.Length} bytes and its header gives {(long)size + ChunkHead}");
    }

    static int Orientation(ReadOnlySpan<byte> file)
    {
        for (var rest = file[First..]; rest.Length >= ChunkHead;)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            if (length > rest.Length - ChunkHead) break;
            if (rest.StartsWith("EXIF"u8)) return Exif.Orientation(rest.Slice(ChunkHead, (int)length));
            rest = rest[(int)Math.Min(rest.Length, ChunkHead + length + (length & 1))..];
        }
        return 1;
    }

    static int Of24Bits(ReadOnlySpan<byte> bytes) => bytes[0] | bytes[1] << 8 | bytes[2] << 16;
}
