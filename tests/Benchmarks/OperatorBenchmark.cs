using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>What a small operator costs from C#: the call, not the arithmetic.</summary>
static class OperatorBenchmark
{
    internal static double MicrosecondsOfSmallAdd()
    {
        const int calls = 100_000, rounds = 9;
        set_num_threads(1);
        using var plain = no_grad();
        using var a = ones(4);
        using var b = ones(4);
        var times = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < calls; i++)
                using (a.add(b)) { }
            times.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / calls);
        }
        return times.Order().ElementAt(rounds / 2);
    }
}
