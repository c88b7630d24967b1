using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Transformers.Data.Text;

/// <summary>The hash of each document of a stream of pieces.</summary>
sealed class DocumentHasher : IDisposable
{
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly byte[] digest = new byte[32];

    /// <summary>Takes a piece; at the end of a document gives its hash.</summary>
    public UInt128? Add(in TextPiece piece)
    {
        hash.AppendData(piece.Utf8.Span);
        if (!piece.EndsDocument) return null;
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);
    }

    public void Dispose() => hash.Dispose();
}
