using System.Globalization;
using Transformers.IO;

namespace Transformers.Training;

/// <summary>What training with micro-batches of some size needs, against what there is.</summary>
/// <param name="Rows">Sequences (or images) of the micro-batch.</param>
/// <param name="Peak">Bytes in use at the height of its forward and backward pass.</param>
/// <param name="Copies">Bytes of the copy that a checkpoint is written from while training goes on.</param>
/// <param name="Used">Bytes in use after it.</param>
/// <param name="Room">What may be taken beyond these.</param>
/// <param name="MeasuredRows">The sequences that were measured; fewer than <paramref name="Rows"/> where the need is foreseen from them.</param>
sealed record MemoryNeed(int Rows, long Peak, long Copies, long Used, MemoryRoom Room, int MeasuredRows)
{
    // Later steps are not the first one to the byte.
    const double Kept = 0.05;

    /// <summary>All that is needed at once.</summary>
    internal long Total => Peak + Copies;

    /// <summary>All that may be used.</summary>
    internal long Most => Used + (long)(Room.Bytes * (1 - Kept));

    /// <summary>Whether there is enough, with this share of the room kept free.</summary>
    internal bool Fits(double spare = Kept) => Total <= Used + Room.Bytes * (1 - spare);

    public override string ToString()
    {
        var how = MeasuredRows == Rows ? "measured" : $"foreseen from {MeasuredRows}";
        var copies = Copies == 0 ? "" : $", the copy that checkpoints are written from {Text(Copies)}";
        return $"training needs {Text(Total)} and may use {Text(Most)} ({Room.Source}): a micro-batch of {Rows} takes {Text(Peak)} at its peak, {how}{copies}";
    }

    internal static string Text(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):N0} MiB");
}
