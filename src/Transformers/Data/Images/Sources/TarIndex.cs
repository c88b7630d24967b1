using System.Text;
using Microsoft.Win32.SafeHandles;
using Transformers.IO;

namespace Transformers.Data.Images.Sources;

/// <summary>Where the files of a tar archive start: names, offsets and sizes, read from its headers alone.</summary>
/// <remarks>ustar with prefixes, GNU long names and pax paths; sizes in octal or base 256.</remarks>
static class TarIndex
{
    const int Block = 512;
    // A path longer than this is an attack, not a name.
    const int LongestName = 1 << 16;

    public readonly record struct Entry(string Name, long Offset, long Size);

    /// <exception cref="UserException">The file is not a tar archive, or is cut off.</exception>
    public static List<Entry> Read(SafeFileHandle file, string path)
    {
        UserException Broken(string what, long at) =>
            new([new Problem($"the tar archive is broken at byte {at}: {what}", path)]);
        var length = RandomAccess.GetLength(file);
        var entries = new List<Entry>();
        var header = new byte[Block];
        string? longName = null;
        for (long at = 0; at + Block <= length;)
        {
            ReadExactly(file, header, at);
            if (header.AsSpan().IndexOfAnyExcept((byte)0) < 0) return entries;
            if (!ChecksumHolds(header))
                throw at == 0 ? new UserException([new Problem("the file is not a tar archive", path, Hint: "a compressed one (.tar.gz) is unpacked first")])
                    : Broken("a header's checksum does not hold", at);
            var size = Number(header.AsSpan(124, 12));
            var data = at + Block;
            if (size < 0 || size > length - data) throw Broken("the archive ends inside a file", at);
            switch ((char)header[156])
            {
                case 'L' or 'x' when size > LongestName: throw Broken("a name is longer than 64 KiB", at);
                case 'L':
                    longName = TextOf(ReadBytes(file, data, (int)size));
                    break;
                case 'x':
                    longName = PaxPath(ReadBytes(file, data, (int)size)) ?? longName;
                    break;
                case '0' or '\0':
                    entries.Add(new Entry(longName ?? Name(header), data, size));
                    longName = null;
                    break;
                case not 'g':
                    longName = null;
                    break;
            }
            at = data + (size + Block - 1) / Block * Block;
        }
        // An archive without its two empty blocks at the end is common enough; one that ends in a file was refused above.
        return entries;
    }

    static string Name(byte[] header)
    {
        var name = TextOf(header.AsSpan(0, 100));
        var ustar = header.AsSpan(257, 5).SequenceEqual("ustar"u8);
        // GNU's older format keeps times where ustar keeps the prefix.
        var prefix = ustar && header[262] == 0 ? TextOf(header.AsSpan(345, 155)) : "";
        return prefix.Length > 0 ? prefix + "/" + name : name;
    }

    static bool ChecksumHolds(byte[] header)
    {
        // The checksum's own eight bytes count as spaces.
        var sum = 8 * ' ';
        for (var i = 0; i < Block; i++)
            if (i is < 148 or >= 156) sum += header[i];
        return Number(header.AsSpan(148, 8)) == sum;
    }

    static long Number(ReadOnlySpan<byte> field)
    {
        long value = 0;
        if ((field[0] & 0x80) != 0)
        {
            // Base 256, big-endian; what does not fit is negative and refused by the caller.
            foreach (var b in field[1..])
            {
                if (value >> 55 != 0) return -1;
                value = value << 8 | b;
            }
            return value;
        }
        foreach (var b in field)
            if (b is >= (byte)'0' and <= (byte)'7') value = value * 8 + (b - '0');
            else if (b is not ((byte)' ' or 0)) return -1;
        return value;
    }

    // Records such as "30 path=folder/name.jpg\n", each starting with its own length.
    static string? PaxPath(byte[] records)
    {
        string? path = null;
        for (var at = 0; at < records.Length;)
        {
            var space = Array.IndexOf(records, (byte)' ', at);
            if (space < 0 || !int.TryParse(records.AsSpan(at, space - at), out var length)
                || length <= space - at + 1 || length > records.Length - at) return path;
            var record = records.AsSpan(space + 1, at + length - space - 2);
            if (record.StartsWith("path="u8)) path = Encoding.UTF8.GetString(record[5..]);
            at += length;
        }
        return path;
    }

    static string TextOf(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    static byte[] ReadBytes(SafeFileHandle file, long offset, int size)
    {
        var bytes = new byte[size];
        ReadExactly(file, bytes, offset);
        return bytes;
    }

    public static void ReadExactly(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            var read = RandomAccess.Read(file, bytes, offset);
            if (read == 0) throw new EndOfStreamException("the file shrank while it was read");
            bytes = bytes[read..];
            offset += read;
        }
    }
}
