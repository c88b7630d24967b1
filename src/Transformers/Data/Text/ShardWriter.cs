namespace Transformers.Data.Text;

/// <summary>Writes the tokens of a split into shards, one after the other; only a buffer is kept in memory.</summary>
/// <remarks>Until <see cref="Finish"/> a shard's header is blank, so that no reader mistakes it for a complete one.</remarks>
sealed class ShardWriter : IDisposable
{
    readonly string folder, split;
    readonly int vocabularySize, tokenBytes;
    readonly byte[] tokenizerHash;
    readonly long tokensPerShard;
    readonly byte[] buffer = new byte[1 << 16];
    FileStream? shard, index;
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    int number;
    long firstToken, documentsInShard;

    public ShardWriter(string folder, string split, int vocabularySize, string tokenizerHash, long tokensPerShard = 1 << 28)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokensPerShard, 1);
        (this.folder, this.split, this.vocabularySize, this.tokensPerShard) = (folder, split, vocabularySize, tokensPerShard);
        this.tokenizerHash = Convert.FromHexString(tokenizerHash);
        if (this.tokenizerHash.Length != 32) throw new ArgumentException("a tokenizer's hash has 64 digits", nameof(tokenizerHash));
        tokenBytes = ShardHeader.WidthFor(vocabularySize);
    }

    public long Tokens { get; private set; }

    public long Documents { get; private set; }

    /// <summary>The number of tokens up to the end of the last document.</summary>
    public long LastDocumentEnd { get; private set; }

    public void Append(ReadOnlySpan<int> ids)
    {
        while (!ids.IsEmpty)
        {
            if (Tokens - firstToken == tokensPerShard) FinishShard();
            if (shard is null) StartShard();
            var count = (int)Math.Min(Math.Min(ids.Length, buffer.Length / tokenBytes), tokensPerShard - (Tokens - firstToken));
            Write(ids[..count]);
            Tokens += count;
            ids = ids[count..];
        }
    }

    public void EndDocument()
    {
        if (shard is null) StartShard();
        Span<byte> end = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(end, Tokens);
        index!.Write(end);
        LastDocumentEnd = Tokens;
        Documents++;
        documentsInShard++;
    }

    /// <summary>Completes the last shard and syncs the files; a split without tokens is one shard without tokens.</summary>
    public void Finish()
    {
        if (shard is null && number == 0) StartShard();
        if (shard is not null) FinishShard();
    }

    /// <summary>Closes the files; without <see cref="Finish"/> they stay unfinished.</summary>
    public void Dispose()
    {
        shard?.Dispose();
        index?.Dispose();
        hash.Dispose();
    }

    void Write(ReadOnlySpan<int> ids)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            if ((uint)ids[i] >= (uint)vocabularySize)
                throw new ArgumentOutOfRangeException(nameof(ids), ids[i], $"the vocabulary has {vocabularySize} ids");
            if (tokenBytes == 2) BinaryPrimitives.WriteUInt16LittleEndian(buffer.AsSpan(2 * i), (ushort)ids[i]);
            else BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(4 * i), ids[i]);
        }
        WritePayload(buffer.AsSpan(0, ids.Length * tokenBytes));
    }

    void WritePayload(ReadOnlySpan<byte> bytes)
    {
        shard!.Write(bytes);
        hash.AppendData(bytes);
    }

    void StartShard()
    {
        firstToken = Tokens;
        documentsInShard = 0;
        var path = TokenShards.PathOf(folder, split, number);
        shard = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        // The index grows in a file beside the shard, since it comes after the tokens.
        index = new FileStream(path + ".index", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        shard.Write(new byte[ShardHeader.Bytes]);
    }

    void FinishShard()
    {
        var tokens = Tokens - firstToken;
        var payload = tokens * tokenBytes;
        WritePayload(new byte[ShardHeader.Padded(payload) - payload]);
        index!.Position = 0;
        for (int read; (read = index.Read(buffer)) > 0;) WritePayload(buffer.AsSpan(0, read));
        index.Dispose();
        var header = new ShardHeader(tokenBytes, vocabularySize, number, tokens, documentsInShard, firstToken, tokenizerHash, hash.GetHashAndReset());
        shard!.Position = 0;
        shard.Write(header.ToBytes());
        shard.Flush(flushToDisk: true);
        shard.Dispose();
        (shard, index) = (null, null);
        number++;
    }
}

/// <summary>The first 128 bytes of a shard. Numbers are little-endian.</summary>
/// <remarks>
/// Offset 0: the magic bytes; 8: version, bytes per token (2 or 4), V, number of the shard, 4 bytes each; 24: tokens, documents that end
/// here, position of the first token, 8 bytes each; 48: hash of the tokenizer, 32 bytes; 80: SHA-256 of all that follows the header;
/// the rest is 0. Then come the tokens, zeros up to a multiple of 8, and for each document that ends here the position after it.
/// </remarks>
sealed record ShardHeader(int TokenBytes, int VocabularySize, int Number, long Tokens, long Documents, long FirstToken, byte[] TokenizerHash, byte[] Checksum)
{
    public const int Bytes = 128;
    public const int Version = 1;
    static ReadOnlySpan<byte> Magic => "TFSHARD\n"u8;

    public long IndexOffset => Bytes + Padded(Tokens * TokenBytes);
    public long FileBytes => IndexOffset + Documents * sizeof(long);

    public static long Padded(long bytes) => (bytes + 7) / 8 * 8;

    /// <summary>Two bytes where every id fits in them.</summary>
    public static int WidthFor(int vocabularySize) => vocabularySize <= 1 << 16 ? 2 : 4;

    public byte[] ToBytes()
    {
        var bytes = new byte[Bytes];
        Magic.CopyTo(bytes);
        ReadOnlySpan<int> small = [Version, TokenBytes, VocabularySize, Number];
        for (var i = 0; i < small.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8 + 4 * i), small[i]);
        ReadOnlySpan<long> large = [Tokens, Documents, FirstToken];
        for (var i = 0; i < large.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24 + 8 * i), large[i]);
        TokenizerHash.CopyTo(bytes, 48);
        Checksum.CopyTo(bytes, 80);
        return bytes;
    }

    /// <summary>Reads and checks a header against the length of its file.</summary>
    public static ShardHeader Parse(ReadOnlySpan<byte> bytes, long fileBytes, string file)
    {
        if (bytes.Length < Bytes || !bytes.StartsWith(Magic)) throw new ShardException(file, "is not a token shard");
        int Small(ReadOnlySpan<byte> b, int i) => BinaryPrimitives.ReadInt32LittleEndian(b[(8 + 4 * i)..]);
        long Large(ReadOnlySpan<byte> b, int i) => BinaryPrimitives.ReadInt64LittleEndian(b[(24 + 8 * i)..]);
        if (Small(bytes, 0) != Version) throw new ShardException(file, $"is a shard of version {Small(bytes, 0)}, but this program reads version {Version}");
        var header = new ShardHeader(Small(bytes, 1), Small(bytes, 2), Small(bytes, 3), Large(bytes, 0), Large(bytes, 1), Large(bytes, 2),
            bytes[48..80].ToArray(), bytes[80..112].ToArray());
        if (header.TokenBytes is not (2 or 4)) throw new ShardException(file, $"has {header.TokenBytes} bytes per token, but only 2 and 4 are supported");
        if (header.VocabularySize < 1) throw new ShardException(file, $"has a vocabulary of {header.VocabularySize}");
        if (header.FirstToken < 0) throw new ShardException(file, $"has its first token at position {header.FirstToken}");
        // Compared by division first: a hostile count must not overflow the sum.
        if (header.Tokens < 0 || header.Tokens > fileBytes / header.TokenBytes || header.Documents < 0 || header.Documents > fileBytes / sizeof(long) || header.FileBytes != fileBytes)
            throw new ShardException(file, $"is {fileBytes} bytes long, which does not match its {header.Tokens} tokens and {header.Documents} documents");
        return header;
    }
}
