using System.Buffers.Binary;

namespace Transformers.Data.Text;

/// <summary>The first 128 bytes of a shard. Numbers are little-endian.</summary>
/// <remarks>
/// Offset 0: the magic bytes; 8: version, bytes a token (2 or 4), V, number of the shard, 4 bytes each; 24: tokens, documents that end
/// here, position of the first token, 8 bytes each; 48: hash of the tokenizer, 32 bytes; 80: SHA-256 of all that follows the header;
/// the rest is 0. Then come the tokens, zeros up to a multiple of 8, and for each document that ends here the position behind it.
/// </remarks>
sealed record ShardHeader(int TokenBytes, int VocabularySize, int Number, long Tokens, long Documents, long FirstToken, byte[] TokenizerHash, byte[] Checksum)
{
    public const int Bytes = 128;
    public const int Version = 1;
    static ReadOnlySpan<byte> Magic => "TFSHARD\n"u8;

    /// <summary>Bytes of all tokens, up to the document index.</summary>
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
        if (Small(bytes, 0) != Version) throw new ShardException(file, $"is a shard of version {Small(bytes, 0)}, and this program reads version {Version}");
        var header = new ShardHeader(Small(bytes, 1), Small(bytes, 2), Small(bytes, 3), Large(bytes, 0), Large(bytes, 1), Large(bytes, 2),
            bytes[48..80].ToArray(), bytes[80..112].ToArray());
        if (header.TokenBytes is not (2 or 4)) throw new ShardException(file, $"has {header.TokenBytes} bytes a token, and only 2 and 4 are known");
        if (header.VocabularySize < 1) throw new ShardException(file, $"has a vocabulary of {header.VocabularySize}");
        if (header.FirstToken < 0) throw new ShardException(file, $"has its first token at position {header.FirstToken}");
        // Compared by division first: a hostile count must not overflow the sum.
        if (header.Tokens < 0 || header.Tokens > fileBytes / header.TokenBytes || header.Documents < 0 || header.Documents > fileBytes / sizeof(long) || header.FileBytes != fileBytes)
            throw new ShardException(file, $"is {fileBytes} bytes long, which does not fit its {header.Tokens} tokens and {header.Documents} documents");
        return header;
    }
}
