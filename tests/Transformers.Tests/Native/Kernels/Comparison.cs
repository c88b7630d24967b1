using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Transformers.Tests.Native.Kernels;

/// <summary>Compares a kernel with its formula in 64 bits, forwards and backwards.</summary>
static class Comparison
{
    /// <summary>
    /// Both get leaves of the same values. The outputs, and the gradients of a random weighting of the outputs, must agree: the
    /// norm of the difference against the expected norm. Where the expected gradient is 0 (attention to one key alone, a number
    /// added to all scores), what rounding leaves of sums of numbers of unit size is allowed.
    /// </summary>
    internal static void Same(Tensor[] inputs, Func<Tensor[], Tensor> kernel, Func<Tensor[], Tensor> formula, double tolerance, string what)
    {
        using var scope = NewDisposeScope();
        Tensor[] given = [.. inputs.Select(input => input.detach().clone().requires_grad_(true))];
        Tensor[] wide = [.. inputs.Select(input => input.detach().to(ScalarType.Float64).requires_grad_(true))];
        var (actual, expected) = (kernel(given), formula(wide));
        Near(actual, expected, tolerance, $"{what}: output");
        var weighting = randn(expected.shape);
        Gradients.Backward((actual.to(ScalarType.Float32) * weighting).sum());
        (expected * weighting.to(ScalarType.Float64)).sum().backward();
        for (var i = 0; i < inputs.Length; i++)
            if (wide[i].grad is { } gradient) Near(given[i].grad!, gradient, tolerance, $"{what}: gradient of input {i} [{string.Join(", ", inputs[i].shape)}]");
            else Assert.True(given[i].grad is null || given[i].grad!.abs().sum().item<float>() == 0, $"{what}: a gradient for input {i}, which the result does not depend on");
    }

    internal static void Near(Tensor actual, Tensor expected, double tolerance, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var (a, b) = (actual.detach().to(ScalarType.Float64), expected.detach().to(ScalarType.Float64));
        Assert.True(a.isfinite().all().item<bool>(), $"{what}: not all numbers are finite");
        if (a.numel() == 0) return;
        var (difference, size) = ((a - b).norm().item<double>(), b.norm().item<double>());
        Assert.True(difference <= tolerance * (size + Math.Sqrt(a.numel())), $"{what}: differs by {difference:G4}, the norm being {size:G4}");
    }

    /// <summary>Runs a test for random seeds with each instruction set's kernels that this processor has.</summary>
    internal static void ForRandomShapes(Action<System.Random, string> test, int count)
    {
        ForEachSet(set =>
        {
            for (var seed = 0; seed < count; seed++)
            {
                using var scope = NewDisposeScope();
                manual_seed(seed);
                test(new System.Random(seed), $"{set}, seed {seed}");
            }
        });
    }

    /// <summary>Runs a test with each instruction set's kernels that this processor has.</summary>
    internal static void ForEachSet(Action<string> test)
    {
        var seen = 0;
        try
        {
            foreach (var name in new[] { "baseline", "avx2", "avx512", "avx512_bf16" })
            {
                if (!KernelLibrary.Choose(name)) continue;
                seen++;
                test(name);
            }
        }
        finally
        {
            KernelLibrary.Choose("");
        }
        Assert.True(seen > 0);
    }
}

/// <summary>A test that needs the library of kernels.</summary>
sealed class KernelFactAttribute : FactAttribute
{
    public KernelFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!KernelLibrary.IsAvailable) Skip = KernelLibrary.Reason?.ToString();
    }
}
