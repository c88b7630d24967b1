namespace Transformers.Inspection;

/// <summary>What the runtime takes besides what is in use.</summary>
static class ManagedMemory
{
    const long Most = 512 << 20;
    const int Piece = 4000;

    /// <summary>Bytes that new objects take before the first of them are collected; measured, in a few milliseconds.</summary>
    internal static long Nursery
    {
        get
        {
            GC.Collect();
            var (collections, before) = (GC.CollectionCount(0), GC.GetAllocatedBytesForCurrentThread());
            while (GC.CollectionCount(0) == collections && GC.GetAllocatedBytesForCurrentThread() - before < Most) _ = new byte[Piece];
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}
