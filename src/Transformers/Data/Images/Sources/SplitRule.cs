using Transformers.IO;

namespace Transformers.Data.Images.Sources;

/// <summary>Which images of a set are held out; one of three ways is given.</summary>
public sealed record SplitRule
{
    /// <summary>Every so-many-th image: those whose position leaves <see cref="Remainder"/> when divided by this.</summary>
    public int? Every { get; init; }

    /// <summary>What the position leaves; 4 of every 5 are the images 4, 9, 14, …</summary>
    public int Remainder { get; init; }

    /// <summary>So many images, drawn by the seed with each class in proportion.</summary>
    public int? Count { get; init; }

    /// <summary>A part of the images, 0 to 1, drawn by the seed with each class in proportion.</summary>
    public double? Fraction { get; init; }

    /// <summary>Divides images.</summary>
    /// <param name="indices">The images, in order.</param>
    /// <param name="labelOf">The class of an image.</param>
    /// <param name="seed">Decides the draw.</param>
    /// <returns>What stays and what is held out, both in the order given.</returns>
    /// <exception cref="UserException">Nothing would stay or nothing be held out.</exception>
    public (int[] Kept, int[] Held) Divide(IReadOnlyList<int> indices, Func<int, int> labelOf, ulong seed)
    {
        if (new[] { Every is null, Count is null, Fraction is null }.Count(missing => !missing) != 1)
            throw new UserException("a hold-out takes exactly one of every, count and fraction");
        if (Every < 2 || Remainder < 0 || (Every is not null && Remainder >= Every))
            throw new UserException($"a hold-out's every ({Every}) must be at least 2 and its remainder ({Remainder}) from 0 to below that");
        if (Fraction is <= 0 or >= 1) throw new UserException($"a hold-out's fraction ({Fraction}) must lie between 0 and 1");
        var held = Every is { } every
            ? [.. Enumerable.Range(0, indices.Count).Where(i => i % every == Remainder)]
            : Drawn(indices, labelOf, Count ?? (int)Math.Round(Fraction!.Value * indices.Count), seed);
        if (held.Count == 0 || held.Count >= indices.Count)
            throw new UserException($"a hold-out of {held.Count} of {indices.Count} images leaves one side empty");
        return ([.. Enumerable.Range(0, indices.Count).Where(i => !held.Contains(i)).Select(i => indices[i])],
            [.. held.Order().Select(i => indices[i])]);
    }

    static HashSet<int> Drawn(IReadOnlyList<int> indices, Func<int, int> labelOf, int count, ulong seed)
    {
        if (count < 1 || count >= indices.Count) throw new UserException($"a hold-out of {count} of {indices.Count} images leaves one side empty");
        var groups = Enumerable.Range(0, indices.Count).GroupBy(i => labelOf(indices[i])).OrderBy(g => g.Key).Select(g => g.ToArray()).ToArray();
        // Whole shares first, then one more for the classes with the largest rests.
        var shares = groups.Select(g => (double)count * g.Length / indices.Count).ToArray();
        var takes = shares.Select(s => (int)s).ToArray();
        foreach (var g in Enumerable.Range(0, groups.Length).OrderByDescending(g => shares[g] - takes[g]).ThenBy(g => g).Take(count - takes.Sum()))
            takes[g]++;
        var held = new HashSet<int>();
        for (var g = 0; g < groups.Length; g++)
        {
            new SampleRandom(seed, 0x686F6C64, (ulong)g).Shuffle(groups[g].AsSpan());
            held.UnionWith(groups[g].Take(takes[g]));
        }
        return held;
    }
}
