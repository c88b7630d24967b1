using System.Globalization;
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

    // Path, length and time of the last change.
    private protected static string Stamp(string file)
    {
        var info = new FileInfo(file);
        if (!info.Exists) throw new UserException([new Problem("the file is not there any more", file)]);
        return string.Create(CultureInfo.InvariantCulture, $"{info.FullName}|{info.Length}|{info.LastWriteTimeUtc.Ticks}");
    }

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

/// <summary>A piece of a document: well-formed UTF-8 that starts and ends between characters.</summary>
/// <param name="Utf8">The text; at most about <see cref="PieceCutter.PieceBytes"/> bytes, so that a document of any length passes in little memory.</param>
/// <param name="EndsDocument">Whether the document ends here.</param>
/// <param name="Origin">Where the text comes from, for messages: a file, or what generated it.</param>
public readonly record struct TextPiece(ReadOnlyMemory<byte> Utf8, bool EndsDocument, string Origin);

/// <summary>What reading a source met; nothing that changes or drops input goes uncounted.</summary>
public sealed record TextCounts
{
    /// <summary>Files read.</summary>
    public int Files { get; set; }
    /// <summary>Files of length 0, or of nothing but a byte-order mark; they hold no document.</summary>
    public int EmptyFiles { get; set; }
    /// <summary>Files in the folders given that are not of a kind that holds text.</summary>
    public int SkippedFiles { get; set; }
    /// <summary>Files in the folders given whose names start with a dot; they are skipped.</summary>
    public int HiddenFiles { get; set; }
    /// <summary>JSON files that are neither lines nor an array of objects with the text's field; they are read as plain text.</summary>
    public int JsonFiles { get; set; }
    /// <summary>The endings of the files that were read, and of those that were skipped, with their numbers.</summary>
    public string? Endings { get; set; }
    /// <summary>Documents, each of at least one character.</summary>
    public long Documents { get; set; }
    /// <summary>Documents without a character (two separators in a row, an empty JSON string); they are left out.</summary>
    public long EmptyDocuments { get; set; }
    /// <summary>Length of all documents in bytes of UTF-8.</summary>
    public long Bytes { get; set; }
    /// <summary>Length of all documents in characters (Unicode scalar values).</summary>
    public long Characters { get; set; }
    /// <summary>Ill-formed sequences, each replaced with one U+FFFD.</summary>
    public long InvalidSequences { get; set; }
    /// <summary>Files that ended inside a character; counted among <see cref="InvalidSequences"/> too.</summary>
    public int TruncatedFiles { get; set; }
    /// <summary>Byte-order marks at the start of a file, removed.</summary>
    public int ByteOrderMarks { get; set; }
    /// <summary>NUL characters, kept.</summary>
    public long Nuls { get; set; }
    /// <summary>Lines that end with CR LF, kept as they are.</summary>
    public long CarriageReturns { get; set; }
    /// <summary>Length of the longest line in bytes.</summary>
    public long LongestLine { get; set; }
}

/// <summary>What a person should know of a text before training on it; the same where it is inspected, prepared and trained on.</summary>
public static class TextNotes
{
    /// <summary>Each with whether it warns of a fault.</summary>
    /// <param name="counts">What reading met.</param>
    public static IEnumerable<(string Text, bool IsWarning)> Of(TextCounts counts)
    {
        (long Count, string What, bool IsWarning)[] notes =
        [
            (counts.InvalidSequences, $"ill-formed UTF-8 sequences replaced with U+FFFD{Rate(counts)}; if the text has another encoding, convert it with iconv", true),
            (counts.TruncatedFiles, "files that end inside a character", true),
            (counts.SkippedFiles, $"files skipped because they are not text ({counts.Endings})", true),
            (counts.HiddenFiles, "hidden files skipped", false),
            (counts.JsonFiles, "JSON files read as plain text, since they are neither .jsonl nor an array of objects with the text's field", true),
            (counts.EmptyFiles, "empty files", false),
            (counts.EmptyDocuments, "empty documents left out", false),
            (counts.ByteOrderMarks, "byte-order marks dropped", false),
            (counts.Nuls, "NUL characters kept", true),
            (counts.CarriageReturns, "CR LF line ends kept", false),
        ];
        if (counts.SkippedFiles == 0 && counts.Endings is { } endings) yield return (endings, false);
        foreach (var (count, what, isWarning) in notes)
            if (count > 0) yield return (FormattableString.Invariant($"{count:N0} {what}"), isWarning);
    }

    static string Rate(TextCounts counts) => FormattableString.Invariant($" ({100.0 * counts.InvalidSequences / Math.Max(1, counts.Characters):0.##} % of the characters)");
}
