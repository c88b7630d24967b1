namespace Transformers.Data.Text;

/// <summary>What must be known of a source before its first token is written: one quick reading, in memory of a bit a document.</summary>
sealed class Survey
{
    readonly List<ulong> heldOut = [];

    public TextCounts Counts { get; } = new();

    public Survey(TextSource source, double fraction, CancellationToken cancel)
    {
        using var hasher = new DocumentHasher();
        // A hash below this share of all hashes is held out; it does not depend on the other documents.
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

    /// <summary>The number of documents that their hash holds out.</summary>
    public long HeldOut { get; private set; }

    public bool IsHeldOut(long document) => (heldOut[(int)(document >> 6)] >> (int)(document & 63) & 1) != 0;
}
