using System.Numerics;

namespace Transformers.IO.Images;

/// <summary>Reads the description of the picture in a file's first bytes, before a decoder sees it and before memory is allocated.</summary>
static class ImageHeader
{
    /// <summary>The header of a file of any known format, checked against the limits.</summary>
    /// <param name="file">The file's bytes, or at least its header.</param>
    internal static ImageInfo Read(ReadOnlySpan<byte> file, ImageLimits limits)
    {
        if (file.IsEmpty) throw new ImageException(ImageFault.Truncated, "the file is empty");
        if (file.Length > limits.MaxBytes) throw new ImageException(ImageFault.TooLarge, $"the file has {file.Length} bytes, but the limit is {limits.MaxBytes}");
        var info = ReadFormat(file);
        if (info.Width <= 0 || info.Height <= 0) throw new ImageException(ImageFault.Corrupt, "the header gives a size of zero");
        if (info.Orientation >= 5) info = info with { Width = info.Height, Height = info.Width };
        // 4 bytes per pixel must fit into one array.
        var most = Math.Min(limits.MaxPixels, Array.MaxLength / 4);
        if ((long)info.Width * info.Height > most) throw new ImageException(ImageFault.TooLarge, $"the header gives {info.Width} x {info.Height} pixels, but the limit is {most} in total");
        return info;
    }

    /// <summary>Detects truncated files of formats whose decoder would silently fill the rest of the picture.</summary>
    internal static void CheckComplete(ReadOnlySpan<byte> file, ImageFormat format)
    {
        if (format == ImageFormat.Jpeg) JpegHeader.CheckComplete(file);
        if (format == ImageFormat.WebP) WebPHeader.CheckComplete(file);
    }

    static ImageInfo ReadFormat(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return JpegHeader.Read(file);
        if (file.StartsWith(PngHeader.Signature)) return PngHeader.Read(file);
        if (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8)) return WebPHeader.Read(file);
        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8)) return GifHeader.Read(file);
        // Many texts begin with these two letters, but in a bitmap the four reserved bytes after the file's size are zero.
        if (file.StartsWith("BM"u8) && (file.Length < 10 || file.Slice(6, 4).IndexOfAnyExcept((byte)0) < 0)) return BmpHeader.Read(file);
        throw new ImageException(ImageFault.UnknownFormat, "the file is not JPEG, PNG, WebP, GIF or BMP");
    }

    internal static ImageException Truncated(string format) => new(ImageFault.Truncated, $"the {format} file ends inside its header");

    internal static ImageException Corrupt(string message) => new(ImageFault.Corrupt, message);
}

/// <summary>PNG: the header chunk, and transparency and orientation from other chunks (W3C, third edition, chapter 11).</summary>
static class PngHeader
{
    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    internal static ImageInfo Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < 33) throw ImageHeader.Truncated("PNG");
        var header = file[8..33];
        if (BinaryPrimitives.ReadInt32BigEndian(header) != 13 || !header[4..].StartsWith("IHDR"u8)) throw ImageHeader.Corrupt("the PNG file does not start with an IHDR chunk");
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(header[8..]), BinaryPrimitives.ReadInt32BigEndian(header[12..]));
        var channels = header[17] switch { 0 or 3 => 1, 2 => 3, 4 => 2, 6 => 4, _ => throw ImageHeader.Corrupt($"the PNG header's colour type ({header[17]}) does not exist") };
        var info = new ImageInfo(ImageFormat.Png, width, height, channels, header[16], header[17] >= 4, 1);
        // The other chunks may come in nearly any order; the decoder reports broken ones.
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
        if (size > file.Length - ChunkHead) throw new ImageException(ImageFault.Truncated, $"the WebP file has {file.Length} bytes, but its header gives {(long)size + ChunkHead}");
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

/// <summary>GIF: its canvas, and whether the first frame has a transparent colour (GIF89a specification, chapters 18 to 23).</summary>
static class GifHeader
{
    internal static ImageInfo Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < 13) throw ImageHeader.Truncated("GIF");
        var (width, height) = (BinaryPrimitives.ReadUInt16LittleEndian(file[6..]), BinaryPrimitives.ReadUInt16LittleEndian(file[8..]));
        var bits = (file[10] & 7) + 1;
        var palette = (file[10] & 0x80) != 0 ? 3 << bits : 0;
        return new ImageInfo(ImageFormat.Gif, width, height, 1, 8, IsTransparent(file, 13 + palette), 1);
    }

    // Reads the flag from the graphic control extension before the first frame.
    static bool IsTransparent(ReadOnlySpan<byte> file, int at)
    {
        while (at + 4 < file.Length && file[at] == 0x21)
        {
            if (file[at + 1] == 0xF9) return (file[at + 3] & 1) != 0;
            for (at += 2; at < file.Length && file[at] != 0; at += file[at] + 1) { }
            at++;
        }
        return false;
    }
}

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

    // Checks the masks of the red, green, blue and alpha bits, if the file has its own.
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

/// <summary>EXIF's orientation: tag 0x0112 of the first directory of its TIFF structure.</summary>
static class Exif
{
    const int Tag = 0x0112, Short = 3, Entry = 12;

    /// <summary>1 to 8; 1 if the block gives none. A picture is not refused for a broken block.</summary>
    internal static int Orientation(ReadOnlySpan<byte> exif)
    {
        // JPEG's and many WebP files' blocks start with a name, PNG's with the TIFF header itself.
        if (exif.StartsWith("Exif"u8) && exif.Length >= 6) exif = exif[6..];
        var little = exif.StartsWith("II*\0"u8);
        if (exif.Length < 14 || !little && !exif.StartsWith("MM\0*"u8)) return 1;
        var directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory > exif.Length - 2) return 1;
        var entries = Word(exif[(int)directory..]);
        var rest = exif[((int)directory + 2)..];
        for (var i = 0; i < entries && rest.Length >= Entry; i++, rest = rest[Entry..])
        {
            if (Word(rest) != Tag) continue;
            var value = Word(rest[8..]);
            return Word(rest[2..]) == Short && value is >= 1 and <= 8 ? value : 1;
        }
        return 1;

        int Word(ReadOnlySpan<byte> bytes) => little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }
}

/// <summary>JPEG: segments up to the frame header (ITU-T T.81, annex B).</summary>
static class JpegHeader
{
    const int MostScans = 200;
    const byte StartOfScan = 0xDA, EndOfImage = 0xD9, App1 = 0xE1;

    internal static ImageInfo Read(ReadOnlySpan<byte> file)
    {
        var orientation = 0;
        for (var at = 2; ;)
        {
            var marker = NextMarker(file, ref at);
            if (marker is StartOfScan or EndOfImage) throw ImageHeader.Corrupt("the JPEG file has no frame header before its picture data");
            var body = Segment(file, ref at);
            if (marker == App1 && orientation == 0 && body.StartsWith("Exif\0\0"u8)) orientation = Exif.Orientation(body);
            if (!IsFrame(marker)) continue;
            if (body.Length < 6) throw ImageHeader.Corrupt("the JPEG frame header is too short");
            if (marker > 0xC2) throw new ImageException(ImageFault.Unsupported, "the JPEG file is lossless, hierarchical or arithmetically coded");
            if (body[0] != 8) throw new ImageException(ImageFault.Unsupported, $"the JPEG file has {body[0]} bits per channel, but only 8 are supported");
            var (height, width) = (BinaryPrimitives.ReadUInt16BigEndian(body[1..]), BinaryPrimitives.ReadUInt16BigEndian(body[3..]));
            return new ImageInfo(ImageFormat.Jpeg, width, height, body[5], body[0], false, Math.Max(1, orientation));
        }
    }

    /// <summary>Checks that the file's segments reach the end marker; decoders would fill missing data with grey.</summary>
    internal static void CheckComplete(ReadOnlySpan<byte> file)
    {
        var scans = 0;
        for (var at = 2; ;)
        {
            var marker = NextMarker(file, ref at);
            if (marker == EndOfImage) return;
            Segment(file, ref at);
            if (marker != StartOfScan) continue;
            // A malicious progressive file may repeat scans, each of which costs a pass over all coefficients of a large picture.
            if (++scans > MostScans) throw ImageHeader.Corrupt($"the JPEG file has more than {MostScans} scans");
            at += CodedBytes(file[at..]);
        }
    }

    // The length of a scan's coded data, in which FF is followed by 00 or a restart marker.
    static int CodedBytes(ReadOnlySpan<byte> data)
    {
        for (var at = 0; ; at += 2)
        {
            var next = data[at..].IndexOf((byte)0xFF);
            if (next < 0 || at + next + 1 >= data.Length) throw Unfinished();
            at += next;
            if (data[at + 1] is not (0 or >= 0xD0 and <= 0xD7)) return at;
        }
    }

    // A marker is any number of FF bytes and one that is neither FF nor 00. Stray bytes before it are skipped, as decoders do.
    static byte NextMarker(ReadOnlySpan<byte> file, ref int at)
    {
        for (; ; at++)
        {
            var next = at < file.Length ? file[at..].IndexOf((byte)0xFF) : -1;
            if (next < 0) throw Unfinished();
            at += next;
            var rest = file[at..].IndexOfAnyExcept((byte)0xFF);
            if (rest < 0) throw Unfinished();
            at += rest;
            // 00 is a byte of data; 01 and the restart markers have no body.
            if (file[at] is 0 or 1 or >= 0xD0 and <= 0xD8) continue;
            return file[at++];
        }
    }

    static ReadOnlySpan<byte> Segment(ReadOnlySpan<byte> file, ref int at)
    {
        if (file.Length - at < 2) throw Unfinished();
        var length = BinaryPrimitives.ReadUInt16BigEndian(file[at..]);
        if (length < 2) throw ImageHeader.Corrupt("a JPEG segment gives its length as less than 2 bytes");
        if (file.Length - at < length) throw Unfinished();
        var body = file.Slice(at + 2, length - 2);
        at += length;
        return body;
    }

    // C4, C8 and CC are tables and an extension.
    static bool IsFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    static ImageException Unfinished() => new(ImageFault.Truncated, "the JPEG file ends before its image does");
}
