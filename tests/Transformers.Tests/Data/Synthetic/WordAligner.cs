namespace Transformers.Tests.Data.Synthetic;

/// <summary>IBM model 1 (Brown et al. 1993): the best dictionary that can be learnt from pairs without looking at order.</summary>
static class WordAligner
{
    /// <summary>For each source word the target word that most likely translates it.</summary>
    public static Dictionary<string, string> Learn(IEnumerable<(string[] Source, string[] Target)> pairs, int rounds)
    {
        var corpus = pairs.ToList();
        var chances = new Dictionary<(string Source, string Target), double>();
        for (var round = 0; round < rounds; round++)
        {
            var counts = new Dictionary<(string Source, string Target), double>();
            foreach (var (source, target) in corpus)
                foreach (var word in target)
                {
                    var sum = source.Sum(s => round == 0 ? 1 : chances.GetValueOrDefault((s, word)));
                    foreach (var s in source)
                        counts[(s, word)] = counts.GetValueOrDefault((s, word)) + (round == 0 ? 1 : chances.GetValueOrDefault((s, word))) / sum;
                }
            var totals = counts.GroupBy(c => c.Key.Source).ToDictionary(g => g.Key, g => g.Sum(c => c.Value));
            chances = counts.ToDictionary(c => c.Key, c => c.Value / totals[c.Key.Source]);
        }
        return chances.GroupBy(c => c.Key.Source).ToDictionary(g => g.Key, g => g.MaxBy(c => c.Value).Key.Target);
    }
}
