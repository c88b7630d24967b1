namespace Transformers.IO;

/// <summary>The base of streams that are only written to, sequentially and without a buffer of their own in .NET.</summary>
public abstract class WriteOnlyStream : Stream
{
    /// <summary>The bytes written so far; not every stream counts them.</summary>
    /// <exception cref="NotSupportedException">This one does not.</exception>
    private protected virtual long Count => throw new NotSupportedException();

    /// <inheritdoc/>
    public abstract override void Write(ReadOnlySpan<byte> buffer);
    /// <inheritdoc/>
    public sealed override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    /// <inheritdoc/>
    public sealed override void WriteByte(byte value) => Write([value]);
    /// <inheritdoc/>
    public override void Flush() { }
    /// <inheritdoc/>
    public sealed override bool CanRead => false;
    /// <inheritdoc/>
    public sealed override bool CanSeek => false;
    /// <inheritdoc/>
    public sealed override bool CanWrite => true;
    /// <inheritdoc/>
    public sealed override long Length => Count;
    /// <inheritdoc/>
    public sealed override long Position { get => Count; set => throw new NotSupportedException(); }
    /// <inheritdoc/>
    public sealed override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    /// <inheritdoc/>
    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    /// <inheritdoc/>
    public sealed override void SetLength(long value) => throw new NotSupportedException();
}
