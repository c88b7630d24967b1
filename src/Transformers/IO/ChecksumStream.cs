namespace Transformers.IO;

/// <summary>A write-only stream to a file that counts and checksums what passes through it, so that the file need not be read again.</summary>
/// <remarks>It has the file's only buffer, and closing it writes nothing: after a failed write nothing more is tried.</remarks>
sealed class ChecksumStream(FileStream file) : Stream
{
    const int Chunk = 1 << 20;
    readonly byte[] buffer = new byte[1 << 14];
    int pending;

    /// <summary>Bytes written so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>CRC-32C of the bytes written so far.</summary>
    public uint Checksum { get; private set; } = Crc32C.Empty;

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        if (bytes.Length > buffer.Length - pending) Flush();
        if (bytes.Length < buffer.Length)
        {
            bytes.CopyTo(buffer.AsSpan(pending));
            pending += bytes.Length;
            return;
        }
        // In chunks: each is checksummed while it is in the cache for the copy that follows.
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(bytes.Length, Chunk)..]) PassOn(bytes[..Math.Min(bytes.Length, Chunk)]);
    }

    public override void Flush()
    {
        var count = pending;
        pending = 0;
        if (count > 0) PassOn(buffer.AsSpan(0, count));
    }

    void PassOn(ReadOnlySpan<byte> part)
    {
        Checksum = Crc32C.Append(Checksum, part);
        FileSizeLimit.Write(file, part);
        FailPoint.Pass(FailPoint.FilePart);
    }

    public override void Write(byte[] bytes, int offset, int count) => Write(bytes.AsSpan(offset, count));
    public override void WriteByte(byte value) => Write([value]);
    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => Bytes;
    public override long Position { get => Bytes; set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
