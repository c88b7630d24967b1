using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Times a computation by the best of several tries.</summary>
static class BestTime
{
    const int MostTries = 400;

    /// <summary>Seconds of the fastest try.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="limit">About how long to try; two tries run in any case.</param>
    /// <param name="kernel">Computes; what it returns is waited for on a device.</param>
    internal static double Seconds(Device device, TimeSpan limit, Func<Tensor?> kernel)
    {
        var best = double.PositiveInfinity;
        var started = Stopwatch.GetTimestamp();
        // The first try warms caches and threads up; it counts only where one try takes the whole limit.
        for (var i = 0; i < MostTries && (i < 2 || Stopwatch.GetElapsedTime(started) < limit); i++)
        {
            using var scope = NewDisposeScope();
            var start = Stopwatch.GetTimestamp();
            var result = kernel();
            // Reading a number back waits for a device that works on its own.
            if (device.type == DeviceType.CUDA) (result ?? ones(1, device: device)).flatten()[0].to(ScalarType.Float32).item<float>();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }
}
