namespace Transformers.Layers;

/// <summary>The sizes of a batch.</summary>
/// <param name="Rows">Sequences, pairs or images.</param>
/// <param name="Source">Positions of a row: tokens, the source's where there are two sides; 0 for images.</param>
/// <param name="Target">Positions of the target of a pair, else 0.</param>
/// <param name="Targets">What the loss is a mean over.</param>
/// <param name="Units">What throughput counts: tokens or images.</param>
public sealed record BatchShape(long Rows, long Source, long Target, long Targets, long Units)
{
    /// <summary>A micro-batch of it.</summary>
    internal BatchShape Cut(long rows) => rows >= Rows ? this : this with
    {
        Rows = rows,
        Targets = Math.Max(1, Targets * rows / Rows),
        Units = Math.Max(1, Units * rows / Rows),
    };

    /// <summary>The mean of several, as one batch of whole numbers with as many positions as theirs.</summary>
    internal static BatchShape Mean(IReadOnlyList<BatchShape> shapes)
    {
        var rows = shapes.Average(one => (double)one.Rows);
        return new((long)Math.Round(rows),
            Math.Max(1, (long)Math.Round(shapes.Average(one => (double)one.Rows * one.Source) / rows)),
            (long)Math.Round(shapes.Average(one => (double)one.Rows * one.Target) / rows),
            (long)Math.Round(shapes.Average(one => (double)one.Targets)),
            (long)Math.Round(shapes.Average(one => (double)one.Units)));
    }

    /// <summary>The one with the most positions.</summary>
    internal static BatchShape Largest(IReadOnlyList<BatchShape> shapes) =>
        shapes.MaxBy(one => one.Rows * Math.Max(1, one.Source + one.Target))!;
}
