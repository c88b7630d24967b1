namespace Transformers.Inspection;

/// <summary>What the runtime takes besides what is in use.</summary>
static class ManagedMemory
{
    const long Most = 512 << 20;
    const int Piece = 4000;

    // Where a piece is put: one that nobody could see is not allocated at all once the loop is compiled well, and it would not end.
    static byte[] piece = [];

    /// <summary>Bytes that new objects take before the first of them are collected; measured, in a few milliseconds.</summary>
    internal static long Nursery
    {
        get
        {
            GC.Collect();
            var (collections, before) = (GC.CollectionCount(0), GC.GetAllocatedBytesForCurrentThread());
            while (GC.CollectionCount(0) == collections && GC.GetAllocatedBytesForCurrentThread() - before < Most) piece = new byte[Piece];
            piece = [];
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}
