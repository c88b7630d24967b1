namespace Transformers.Tokenizers.Bpe;

/// <summary>The ids of words seen before, for one thread.</summary>
sealed class WordCache
{
    const int MostWords = 1 << 16, LongestWord = 64;
    readonly Dictionary<string, int[]> words = new(StringComparer.Ordinal);

    internal int[]? Find(ReadOnlySpan<char> word) => words.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out var ids) ? ids : null;

    /// <summary>Remembers a word's ids, which are those of a list from a position on.</summary>
    internal void Add(ReadOnlySpan<char> word, List<int> ids, int start)
    {
        if (word.Length > LongestWord) return;
        if (words.Count >= MostWords) words.Clear();
        words[word.ToString()] = [.. ids[start..]];
    }
}
