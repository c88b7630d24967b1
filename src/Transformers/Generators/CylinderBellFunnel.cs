using Transformers.IO;

namespace Transformers.Generators;

/// <summary>The kinds of generated series with classes.</summary>
public enum LabelledSeriesKind
{
    /// <summary>Three shapes of an event with random start and end: a step, a rise and a fall.</summary>
    CylinderBellFunnel,
}

/// <summary>Draws series of three classes, a classic task of series classification.</summary>
/// <remarks>
/// Saito 1994, section 5.5.2: (6 + η)·χ(t)·form(t) + ε(t), where the event lasts from a in [16, 32] to b, which is 32 to 96 later, of 128
/// steps. The form is 1 (cylinder), rises from 0 to 1 (bell), or falls from 1 to 0 (funnel); η and ε are standard normal.
/// </remarks>
public static class CylinderBellFunnel
{
    /// <summary>The number of steps of a series.</summary>
    public const int Length = 128;

    /// <summary>The names of the classes.</summary>
    public static IReadOnlyList<string> Classes { get; } = ["cylinder", "bell", "funnel"];

    /// <summary>Draws a series.</summary>
    /// <param name="seed">The seed of the set.</param>
    /// <param name="split">The number of the split; splits have different series.</param>
    /// <param name="index">The number of the series; its class is the remainder by 3.</param>
    public static double[] Draw(ulong seed, int split, int index)
    {
        var random = new SampleRandom(seed, 0x636266, (ulong)split, (ulong)index);
        var (a, size) = (random.Uniform(16, 32), 6 + random.Normal());
        var b = a + random.Uniform(32, 96);
        var values = new double[Length];
        for (var t = 0; t < Length; t++)
        {
            var form = (index % 3) switch { 0 => 1, 1 => (t - a) / (b - a), _ => (b - t) / (b - a) };
            values[t] = (t >= a && t <= b ? size * form : 0) + random.Normal();
        }
        return values;
    }
}
