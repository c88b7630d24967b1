namespace Transformers.Tests.Tokenizers;

/// <summary>Byte pair encoding as the papers write it: everything counted afresh for every merge. Slow, and hard to get wrong.</summary>
static class ReferenceBpe
{
    internal static List<(int, int)> Train(IEnumerable<byte[]> pieces, int merges, long minimum)
    {
        var words = pieces.Select(piece => piece.Select(b => (int)b).ToList()).ToList();
        var learnt = new List<(int, int)>();
        while (learnt.Count < merges)
        {
            var counts = new Dictionary<(int, int), long>();
            foreach (var word in words)
                for (var i = 0; i + 1 < word.Count; i++)
                    counts[(word[i], word[i + 1])] = counts.GetValueOrDefault((word[i], word[i + 1])) + 1;
            if (counts.Count == 0) break;
            var best = counts.OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key).First();
            if (best.Value < minimum) break;
            foreach (var word in words) Replace(word, best.Key, 256 + learnt.Count);
            learnt.Add(best.Key);
        }
        return learnt;
    }

    internal static List<int> Encode(byte[] piece, IReadOnlyList<(int, int)> merges)
    {
        var symbols = piece.Select(b => (int)b).ToList();
        for (var rank = 0; rank < merges.Count; rank++) Replace(symbols, merges[rank], 256 + rank);
        return symbols;
    }

    internal static IEnumerable<byte[]> Pieces(string text, SplitPattern pattern)
    {
        var scanner = PieceScanner.For(pattern);
        var utf8 = Encoding.UTF8.GetBytes(text);
        for (int start = 0, next; start < utf8.Length; start = next)
        {
            next = scanner.Next(utf8, start);
            yield return utf8[start..next];
        }
    }

    static void Replace(List<int> symbols, (int, int) pair, int result)
    {
        for (var i = 0; i + 1 < symbols.Count; i++)
        {
            if ((symbols[i], symbols[i + 1]) != pair) continue;
            symbols[i] = result;
            symbols.RemoveAt(i + 1);
        }
    }
}
