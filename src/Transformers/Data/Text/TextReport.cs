namespace Transformers.Data.Text;

/// <summary>Statistics of a text, as <c>data inspect</c> shows them.</summary>
/// <param name="Source">Where the text comes from.</param>
/// <param name="Counts">What was read.</param>
/// <param name="Shortest">The shortest document, in characters.</param>
/// <param name="Longest">The longest document, in characters.</param>
/// <param name="Mean">The mean length of a document, in characters.</param>
/// <param name="Lengths">How many documents have at most 2⁰, 2¹, 2², … characters and more than the power before; without the empty entries at both ends.</param>
/// <param name="Duplicates">How many documents repeat an earlier one exactly; null if there are too many documents to check.</param>
public sealed record TextReport(string Source, TextCounts Counts, long Shortest, long Longest, double Mean, IReadOnlyList<LengthCount> Lengths, long? Duplicates)
{
    // Each takes sixteen bytes and the table's overhead: half a gigabyte at most.
    const int MostHashes = 10_000_000;

    /// <summary>Reads a text to its end.</summary>
    /// <param name="source">The text.</param>
    /// <param name="cancel">Cancels reading.</param>
    /// <exception cref="UserException">A file cannot be read.</exception>
    public static TextReport Of(TextSource source, CancellationToken cancel = default)
    {
        var counts = new TextCounts();
        using var hasher = new DocumentHasher();
        HashSet<UInt128>? seen = [];
        var powers = new long[64];
        long characters = 0, shortest = long.MaxValue, longest = 0, duplicates = 0;
        foreach (var piece in source.Read(counts))
        {
            cancel.ThrowIfCancellationRequested();
            characters += Utf8Reader.Characters(piece.Utf8.Span);
            if (hasher.Add(piece) is not { } hash) continue;
            if (seen is not null && !seen.Add(hash)) duplicates++;
            if (seen?.Count > MostHashes) seen = null;
            powers[64 - long.LeadingZeroCount(characters - 1)]++;
            (shortest, longest, characters) = (Math.Min(shortest, characters), Math.Max(longest, characters), 0);
        }
        var lengths = powers.Select((count, power) => new LengthCount(1L << power, count)).SkipWhile(l => l.Documents == 0);
        return new TextReport(source.Description, counts, counts.Documents == 0 ? 0 : shortest, longest,
            counts.Documents == 0 ? 0 : (double)counts.Characters / counts.Documents,
            [.. lengths.Reverse().SkipWhile(l => l.Documents == 0).Reverse()], seen is null ? null : duplicates);
    }
}

/// <summary>Documents of about one length.</summary>
/// <param name="UpTo">They have at most this many characters, and more than half as many.</param>
/// <param name="Documents">How many there are.</param>
public sealed record LengthCount(long UpTo, long Documents);
