using System.Text;
using Transformers.IO;

namespace Transformers.Generators;

/// <summary>The parts of a generated data set; no example (for a translation: no template) stands in two of them.</summary>
public enum SyntheticSplit
{
    /// <summary>To learn from.</summary>
    Train,
    /// <summary>To choose by.</summary>
    Validation,
    /// <summary>To report on.</summary>
    Test,
}

static class Splits
{
    /// <summary>The split to which a text belongs, by a hash of its content alone: one in twenty for validation, one for test.</summary>
    public static SyntheticSplit Of(string content)
    {
        // FNV-1a (Fowler, Noll, Vo), then a mix, since its low bits alone are weak.
        var hash = 14695981039346656037UL;
        foreach (var b in Encoding.UTF8.GetBytes(content)) hash = (hash ^ b) * 1099511628211UL;
        hash ^= hash >> 32;
        return (hash % 20) switch { 0 => SyntheticSplit.Validation, 1 => SyntheticSplit.Test, _ => SyntheticSplit.Train };
    }

    /// <summary>The random numbers of one example.</summary>
    public static CounterRandom Random(ulong seed, SyntheticSplit split, long index) => new(seed * 3 + (ulong)split, (ulong)index);

    /// <summary>The name of a split's files.</summary>
    public static string FileName(this SyntheticSplit split) => split switch
    {
        SyntheticSplit.Train => "train",
        SyntheticSplit.Validation => "val",
        _ => "test",
    };
}
