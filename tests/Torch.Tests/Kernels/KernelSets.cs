using TorchSharp.Interop;

namespace Torch.Tests.Kernels;

/// <summary>Runs a test with each instruction set's kernels that this processor has.</summary>
static class KernelSets
{
    static readonly Op choose = Op.Find("transformer::choose_cpu_kernels");

    internal static void ForEach(Action<string> test)
    {
        var seen = 0;
        try
        {
            foreach (var name in new[] { "baseline", "avx2", "avx512", "avx512_bf16" })
                if (choose.CallBool(name))
                {
                    seen++;
                    test(name);
                }
        }
        finally
        {
            choose.CallBool("");
        }
        Assert.True(seen > 0);
    }
}
