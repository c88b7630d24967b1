using System.Buffers.Binary;

namespace Transformers.IO.Images;

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
