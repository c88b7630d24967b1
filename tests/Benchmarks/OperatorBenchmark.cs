using Transformers.Native;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Measures the cost of calling a small operator from C#, as this program does: TorchSharp's own <c>a.add(b)</c> creates a
/// number for the factor 1 at every call, which is slower and not safe beside other threads (<see cref="Scalars"/>).</summary>
static class OperatorBenchmark
{
    internal static Measured SmallAdd()
    {
        const int calls = 100_000;
        set_num_threads(1);
        using var plain = no_grad();
        using var a = ones(4);
        using var b = ones(4);
        return Measured.Of(calls, Measured.Time(() =>
        {
            for (var i = 0; i < calls; i++)
                using (a.Plus(b)) { }
        }, warm: 1, seconds: 1, least: 9));
    }
}
