using System.Buffers.Binary;
using System.IO.Compression;

namespace Transformers.Data.Text;

/// <summary>Decompresses gzip and refuses a file that ends too early or goes on with something else, which .NET's own stream lets pass.</summary>
/// <remarks>
/// RFC 1952: a file is one or more members, and its last eight bytes are CRC-32 and length of the last member's text. The length tells
/// of nearly every file whether it is whole; where it does not, because there are several members or the file is cut, the last
/// member's CRC-32 does, at the cost of a second decompression.
/// </remarks>
sealed class GzipReader : Stream
{
    const int ShortestFile = 18;

    static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(i => Enumerable.Range(0, 8).Aggregate((uint)i, (crc, _) => (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1))];

    readonly FileStream file;
    readonly GZipStream inner;
    readonly uint lastCrc, lastLength;
    long length;

    public GzipReader(FileStream file)
    {
        this.file = file;
        inner = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
        // A file of no bytes is what some writers make of no text.
        if (file.Length == 0) return;
        if (file.Length < ShortestFile) throw new InvalidDataException("it is too short for a gzip file");
        Span<byte> trailer = stackalloc byte[8];
        file.Position = file.Length - trailer.Length;
        file.ReadExactly(trailer);
        file.Position = 0;
        (lastCrc, lastLength) = (BinaryPrimitives.ReadUInt32LittleEndian(trailer), BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]));
    }

    public override int Read(Span<byte> buffer)
    {
        var read = inner.Read(buffer);
        length += read;
        if (read == 0 && buffer.Length > 0 && (uint)length != lastLength && !EndsWithLastMember())
            throw new InvalidDataException("the compressed file is cut off, or something follows it");
        return read;
    }

    bool EndsWithLastMember()
    {
        if (lastLength > length) return false;
        file.Position = 0;
        using var again = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
        var buffer = new byte[1 << 16];
        var (skip, crc) = (length - lastLength, uint.MaxValue);
        for (int read; (read = again.Read(buffer)) > 0; skip -= Math.Min(skip, read))
            foreach (var b in buffer.AsSpan((int)Math.Min(skip, read), read - (int)Math.Min(skip, read)))
                crc = crc >> 8 ^ Table[(byte)crc ^ b];
        return ~crc == lastCrc;
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => length; set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
