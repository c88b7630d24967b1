using Transformers.IO;

namespace Transformers.Metrics;

/// <summary>Reference translations, several a segment allowed, arranged segment by segment.</summary>
static class References
{
    /// <summary>One reference a segment.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Single(IReadOnlyList<string> references) =>
        [.. references.Select(r => (IReadOnlyList<string>)[r])];

    public static void Check(int hypotheses, IReadOnlyList<IReadOnlyList<string>> references)
    {
        if (hypotheses != references.Count)
            throw new UserException($"the number of translations ({hypotheses}) must equal the number of references ({references.Count})");
        for (var i = 0; i < references.Count; i++)
            if (references[i].Count == 0)
                throw new UserException($"segment {i + 1} has no reference");
    }

    /// <summary>The <c>nrefs</c> part of a signature: a number, or <c>var</c> where segments differ.</summary>
    public static string Signature(IReadOnlyList<IReadOnlyList<string>> references)
    {
        if (references.Count == 0) return "1";
        var first = references[0].Count;
        return references.All(r => r.Count == first) ? $"{first}" : "var";
    }

    /// <summary>The version part of a signature: not sacreBLEU's, since this is not its code.</summary>
    public static string Version { get; } =
        "transformer-" + (typeof(References).Assembly.GetName().Version?.ToString(3) ?? "0");
}
