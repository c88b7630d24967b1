namespace Transformers.Tests.Data.Text;

/// <summary>A split in memory.</summary>
sealed class TokensInMemory : TokenSequence
{
    readonly int[] tokens;
    readonly long[] ends;

    public TokensInMemory(IEnumerable<int[]> documents, int vocabularySize)
    {
        var all = documents.ToArray();
        tokens = [.. all.SelectMany(d => d)];
        VocabularySize = vocabularySize;
        if (tokens.Any(id => (uint)id >= (uint)vocabularySize)) throw new ArgumentException($"an id is not below {vocabularySize}", nameof(documents));
        long end = 0;
        ends = [.. all.Select(d => end += d.Length)];
    }

    public override long Count => tokens.Length;
    public override long DocumentCount => ends.Length;
    public override int VocabularySize { get; }
    public override long DocumentEnd(long document) =>
        document >= 0 && document < ends.Length ? ends[document] : throw new ArgumentOutOfRangeException(nameof(document));

    public override void Read(long start, Span<int> into)
    {
        CheckRange(start, into.Length);
        tokens.AsSpan((int)start, into.Length).CopyTo(into);
    }
}
