using System.Security.Cryptography;
using System.Text;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Where text comes from: a stream of documents that can be read again from the start, never held in memory.</summary>
public abstract class TextSource
{
    /// <summary>What a person calls it: paths, or a generator and its settings.</summary>
    public abstract string Description { get; }

    /// <summary>A hash, as lower-case hexadecimal SHA-256, that changes whenever the documents would; found without reading them.</summary>
    /// <exception cref="UserException">A file is not there.</exception>
    public abstract string Fingerprint { get; }

    /// <summary>Reads all documents in their order; the pieces of a document follow each other, and the last one says that it is the last.</summary>
    /// <param name="counts">Counts what is read, while it is read.</param>
    /// <exception cref="UserException">A file cannot be read, or is not what its name says.</exception>
    public IEnumerable<TextPiece> Read(TextCounts counts)
    {
        var empty = true;
        foreach (var piece in ReadPieces(counts))
        {
            if (piece.EndsDocument && piece.Utf8.IsEmpty && empty)
            {
                counts.EmptyDocuments++;
                continue;
            }
            counts.Bytes += piece.Utf8.Length;
            counts.Characters += Utf8Reader.Characters(piece.Utf8.Span);
            if (piece.EndsDocument) counts.Documents++;
            empty = piece.EndsDocument;
            yield return piece;
        }
    }

    /// <summary>Reads all documents as strings: for tests and for sources whose documents are known to be small.</summary>
    /// <exception cref="UserException">A file cannot be read, or is not what its name says.</exception>
    public IEnumerable<string> ReadDocuments()
    {
        var document = new StringBuilder();
        foreach (var piece in Read(new TextCounts()))
        {
            document.Append(Encoding.UTF8.GetString(piece.Utf8.Span));
            if (!piece.EndsDocument) continue;
            yield return document.ToString();
            document.Clear();
        }
    }

    /// <summary>Reads the pieces; an empty document is a single piece of no bytes that ends it.</summary>
    /// <param name="counts">Where to count what only the reader sees.</param>
    protected abstract IEnumerable<TextPiece> ReadPieces(TextCounts counts);

    private protected static string Hash(params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            // The length first, so that no two lists run together to the same bytes.
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
