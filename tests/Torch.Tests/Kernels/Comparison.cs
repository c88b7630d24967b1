using TorchSharp;
using static TorchSharp.torch;

namespace Torch.Tests.Kernels;

/// <summary>Compares a fused kernel with the composed formula in 64 bits, forwards and backwards.</summary>
static class Comparison
{
    /// <summary>
    /// Both get leaves of the same values; the fused one in its own type. The outputs, and the gradients of a random
    /// weighing of the outputs, must agree: the norm of the difference, as a share of the norm of the expected. Where that
    /// is nothing (one key alone takes all of the attention), what rounding leaves of sums of numbers of unit size may stand.
    /// </summary>
    internal static void Same(Tensor[] inputs, Func<Tensor[], Tensor> fused, Func<Tensor[], Tensor> composed, double tolerance, string what)
    {
        using var scope = NewDisposeScope();
        Tensor[] mine = [.. inputs.Select(input => input.detach().clone().requires_grad_(true))];
        Tensor[] wide = [.. inputs.Select(input => input.detach().to(ScalarType.Float64).requires_grad_(true))];
        var (got, expected) = (fused(mine), composed(wide));
        Near(got, expected, tolerance, $"{what}: output");
        var weighing = randn(expected.shape);
        (got.to(ScalarType.Float32) * weighing).sum().backward();
        (expected * weighing.to(ScalarType.Float64)).sum().backward();
        for (var i = 0; i < inputs.Length; i++)
            if (wide[i].grad is { } gradient) Near(mine[i].grad!, gradient, tolerance, $"{what}: gradient of input {i} [{string.Join(", ", inputs[i].shape)}]");
            else Assert.True(mine[i].grad is null || mine[i].grad!.abs().sum().item<float>() == 0, $"{what}: a gradient for input {i}, which takes no part");
    }

    internal static void Near(Tensor got, Tensor expected, double tolerance, string what)
    {
        Assert.Equal(expected.shape, got.shape);
        var (a, b) = (got.detach().to(ScalarType.Float64), expected.detach().to(ScalarType.Float64));
        Assert.True(a.isfinite().all().item<bool>(), $"{what}: not all numbers");
        if (a.numel() == 0) return;
        var (difference, size) = ((a - b).norm().item<double>(), b.norm().item<double>());
        Assert.True(difference <= tolerance * (size + 0.1 * Math.Sqrt(a.numel())), $"{what}: differs by {difference:G4} of {size:G4}");
    }
}
