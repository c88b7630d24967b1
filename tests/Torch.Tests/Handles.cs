using TorchSharp.Extensions;

// The engine's threads, its generator and the count of handles are the process's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Torch.Tests;

/// <summary>Counts native handles when nothing is left to finalize, so that what earlier tests dropped does not matter.</summary>
static class Handles
{
    internal static long Settled()
    {
        for (var round = 0; round < 2; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return NativeHandles.Live;
    }
}
