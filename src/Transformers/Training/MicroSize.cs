namespace Transformers.Training;

/// <summary>How a step's batch is cut into micro-batches, whatever number of rows a batch happens to have.</summary>
/// <param name="Rows">The most rows of a micro-batch; null for those of the batch.</param>
/// <param name="Pieces">Into how many each of these is cut again, so that it fits into memory: a power of 2.</param>
public readonly record struct MicroSize(int? Rows, int Pieces = 1)
{
    /// <summary>The rows of a micro-batch; the last one of a batch may have fewer.</summary>
    /// <param name="batch">Rows of the batch.</param>
    public int Of(int batch) => Math.Max(1, (Math.Min(Rows ?? batch, batch) + Pieces - 1) / Pieces);
}
