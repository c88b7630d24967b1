namespace Transformers.Data.Text;

/// <summary>The splits, in the order of their numbers.</summary>
enum Split { Train, Validation }

/// <summary>A piece of text and the split that it belongs to.</summary>
readonly record struct SplitPiece(TextPiece Piece, Split Split);

/// <summary>Assigns the pieces of a source to the splits, and finds documents that are in both.</summary>
/// <remarks>The hashes of the training documents go to a file, so that memory holds only those of the validation documents.</remarks>
sealed class Splitter(string folder) : IDisposable
{
    readonly FileStream training = new(Path.Combine(folder, "hashes"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
    readonly Dictionary<UInt128, long> validation = [];
    readonly DocumentHasher hasher = new();

    public (long Bytes, long Characters)[] Sizes { get; } = new (long, long)[2];

    /// <summary>All pieces of a source that is one split.</summary>
    public IEnumerable<SplitPiece> Whole(IEnumerable<TextPiece> pieces, Split split)
    {
        foreach (var piece in pieces) yield return Assign(piece, split, hasher.Add(piece));
    }

    /// <summary>Documents that are held out by their hash.</summary>
    public IEnumerable<SplitPiece> ByDocument(IEnumerable<TextPiece> pieces, SourceScan scan)
    {
        long document = 0;
        foreach (var piece in pieces)
        {
            var split = scan.IsHeldOut(document) ? Split.Validation : Split.Train;
            if (piece.EndsDocument) document++;
            yield return Assign(piece, split, hasher.Add(piece));
        }
    }

    /// <summary>The text from a character on is held out.</summary>
    public IEnumerable<SplitPiece> Tail(IEnumerable<TextPiece> pieces, long cut)
    {
        long characters = 0;
        var whole = true;
        foreach (var piece in pieces)
        {
            var hash = hasher.Add(piece);
            var (before, length) = (characters, Utf8Reader.Characters(piece.Utf8.Span));
            characters += length;
            if (before < cut && cut < characters)
            {
                var at = ByteOf(piece.Utf8.Span, cut - before);
                yield return Assign(piece with { Utf8 = piece.Utf8[..at], EndsDocument = false }, Split.Train, null);
                yield return Assign(piece with { Utf8 = piece.Utf8[at..] }, Split.Validation, null);
                whole = piece.EndsDocument;
                continue;
            }
            // An empty piece exactly at the border only ends the document before it.
            var split = before < cut || length == 0 && before == cut ? Split.Train : Split.Validation;
            yield return Assign(piece, split, whole ? hash : null);
            if (piece.EndsDocument) whole = true;
        }
    }

    /// <summary>How many validation documents are in the training split too, and the numbers of the first few.</summary>
    public Duplicates FindDuplicates()
    {
        var found = new SortedSet<long>();
        long trainingDocuments = 0;
        var buffer = new byte[1 << 16];
        training.Position = 0;
        for (int read; (read = training.ReadAtLeast(buffer, buffer.Length, false)) > 0;)
            for (var i = 0; i < read; i += 16)
                if (validation.TryGetValue(BinaryPrimitives.ReadUInt128LittleEndian(buffer.AsSpan(i)), out var document))
                {
                    trainingDocuments++;
                    found.Add(document);
                }
        return new Duplicates(found.Count, trainingDocuments, [.. found.Take(10)]);
    }

    public void Dispose()
    {
        training.Dispose();
        hasher.Dispose();
    }

    long validationDocuments;

    SplitPiece Assign(in TextPiece piece, Split split, UInt128? hash)
    {
        ref var size = ref Sizes[(int)split];
        size = (size.Bytes + piece.Utf8.Length, size.Characters + Utf8Reader.Characters(piece.Utf8.Span));
        if (split == Split.Validation)
        {
            if (hash is { } held) validation.TryAdd(held, validationDocuments);
            if (piece.EndsDocument) validationDocuments++;
        }
        else if (hash is { } trained)
        {
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteUInt128LittleEndian(bytes, trained);
            training.Write(bytes);
        }
        return new SplitPiece(piece, split);
    }

    // The byte where a character begins.
    static int ByteOf(ReadOnlySpan<byte> utf8, long character)
    {
        var i = 0;
        for (; i < utf8.Length; i++)
            if ((sbyte)utf8[i] > -65 && character-- == 0) break;
        return i;
    }
}

/// <summary>What must be known about a source before its first token is written: one quick pass, with one bit of memory per document.</summary>
sealed class SourceScan
{
    readonly List<ulong> heldOut = [];

    public TextCounts Counts { get; } = new();

    public SourceScan(TextSource source, double fraction, CancellationToken cancel)
    {
        using var hasher = new DocumentHasher();
        // Hashes in the lowest fraction are held out, which does not depend on the other documents.
        var threshold = (ulong)(fraction * ulong.MaxValue);
        long document = 0;
        foreach (var piece in source.Read(Counts))
        {
            cancel.ThrowIfCancellationRequested();
            if (hasher.Add(piece) is not { } hash) continue;
            if ((document & 63) == 0) heldOut.Add(0);
            if ((ulong)(hash >> 64) < threshold)
            {
                heldOut[^1] |= 1UL << (int)(document & 63);
                HeldOut++;
            }
            document++;
        }
    }

    public long HeldOut { get; private set; }

    // False for a document that was added after the scan: preparation then fails because the text has changed.
    public bool IsHeldOut(long document) => document >> 6 < heldOut.Count && (heldOut[(int)(document >> 6)] >> (int)(document & 63) & 1) != 0;
}

/// <summary>The hash of each document of a stream of pieces.</summary>
sealed class DocumentHasher : IDisposable
{
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly byte[] digest = new byte[32];

    /// <summary>Adds a piece; at the end of a document returns its hash.</summary>
    public UInt128? Add(in TextPiece piece)
    {
        hash.AppendData(piece.Utf8.Span);
        if (!piece.EndsDocument) return null;
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);
    }

    public void Dispose() => hash.Dispose();
}
