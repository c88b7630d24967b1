using System.Buffers.Binary;

namespace Transformers.IO.Images;

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

    // Extensions before the first frame; the one for graphics control has the flag.
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
