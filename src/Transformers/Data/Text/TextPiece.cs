namespace Transformers.Data.Text;

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
