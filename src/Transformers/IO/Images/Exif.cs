using System.Buffers.Binary;

namespace Transformers.IO.Images;

/// <summary>EXIF's orientation: tag 0x0112 of the first directory of its TIFF structure.</summary>
static class Exif
{
    const int Tag = 0x0112, Short = 3, Entry = 12;

    /// <summary>1 to 8; 1 where the block gives none. A broken block is no reason to refuse a picture.</summary>
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
