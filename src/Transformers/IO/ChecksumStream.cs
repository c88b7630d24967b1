namespace Transformers.IO;

/// <summary>A write-only stream that counts and checksums what passes through it, so that a file need not be read again.</summary>
/// <param name="inner">Where the bytes go; not closed with this stream.</param>
public sealed class ChecksumStream(Stream inner) : Stream
{
    const int Chunk = 1 << 20;

    /// <summary>Bytes written so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>CRC-32C of the bytes written so far.</summary>
    public uint Checksum { get; private set; } = Crc32C.Empty;

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        // In chunks: each is checksummed while it is in the cache for the copy that follows.
        while (!buffer.IsEmpty)
        {
            var part = buffer[..Math.Min(buffer.Length, Chunk)];
            inner.Write(part);
            Checksum = Crc32C.Append(Checksum, part);
            Bytes += part.Length;
            buffer = buffer[part.Length..];
            FailPoint.Pass(FailPoint.FilePart);
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    /// <inheritdoc/>
    public override void WriteByte(byte value) => Write([value]);
    /// <inheritdoc/>
    public override void Flush() => inner.Flush();
    /// <inheritdoc/>
    public override bool CanRead => false;
    /// <inheritdoc/>
    public override bool CanSeek => false;
    /// <inheritdoc/>
    public override bool CanWrite => true;
    /// <inheritdoc/>
    public override long Length => Bytes;
    /// <inheritdoc/>
    public override long Position { get => Bytes; set => throw new NotSupportedException(); }
    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
