namespace Transformers.Tests.Data.Synthetic;

/// <summary>IBM model 1 (Brown et al. 1993): the best dictionary that can be learnt from pairs without looking at order.</summary>
static class WordAligner
{
    /// <summary>For each source word the target word that most likely translates it.</summary>
    public static Dictionary<string, string> Learn(IEnumerable<(string[] Source, string[] Target)> pairs, int rounds)
    {
        var (sources, targets) = (new List<string>(), new List<string>());
        var (sourceIds, targetIds) = (new Dictionary<string, int>(), new Dictionary<string, int>());
        var corpus = pairs.Select(p => (Source: Ids(p.Source, sourceIds, sources), Target: Ids(p.Target, targetIds, targets))).ToList();
        // One table a source word; a single table keyed by both numbers would collide in the hash of a long.
        Dictionary<int, double>[] chances = [];
        for (var round = 0; round < rounds; round++)
        {
            var counts = sources.Select(_ => new Dictionary<int, double>()).ToArray();
            foreach (var (source, target) in corpus)
                foreach (var word in target)
                {
                    var weights = source.Select(s => round == 0 ? 1 : chances[s][word]).ToArray();
                    var sum = weights.Sum();
                    for (var i = 0; i < source.Length; i++)
                    {
                        var row = counts[source[i]];
                        row[word] = row.GetValueOrDefault(word) + weights[i] / sum;
                    }
                }
            foreach (var row in counts)
            {
                var total = row.Values.Sum();
                foreach (var word in row.Keys) row[word] /= total;
            }
            chances = counts;
        }
        return Enumerable.Range(0, sources.Count).ToDictionary(s => sources[s], s => targets[chances[s].MaxBy(c => c.Value).Key]);
    }

    static int[] Ids(string[] words, Dictionary<string, int> ids, List<string> names)
    {
        var result = new int[words.Length];
        for (var i = 0; i < words.Length; i++)
        {
            if (!ids.TryGetValue(words[i], out result[i])) ids[words[i]] = result[i] = names.Count;
            if (result[i] == names.Count) names.Add(words[i]);
        }
        return result;
    }
}
