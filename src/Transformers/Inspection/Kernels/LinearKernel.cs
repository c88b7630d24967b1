using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>A linear layer: [rows, in] by [out, in], and backwards the products for its input and for its weights.</summary>
/// <param name="Rows">Rows of the input.</param>
/// <param name="In">The width of what comes in.</param>
/// <param name="Out">The width of what goes out.</param>
/// <param name="Bias">Whether it adds a bias.</param>
/// <param name="Wide">Whether its input comes in 32 bits.</param>
/// <param name="First">Whether its input needs no gradient.</param>
sealed record LinearKernel(long Rows, long In, long Out, bool Bias, bool Wide, bool First = false) : Kernel
{
    internal override string Name => $"product {Rows} x {In} x {Out}";
    internal override KernelKind Kind => KernelKind.Product;
    internal override double Flops => 2.0 * Rows * In * Out;
    internal override double Numbers => Rows * (double)(In + Out);
    internal override long Kept(int narrow) => Rows * In * narrow;
    internal override long Passing(int narrow) => Rows * Out * narrow;

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (rows, real) = Fewer(Rows, Math.Max(share, 256.0 / Rows));
        return (this with { Rows = rows }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var x = First ? place.Constant(Wide, Rows, In) : place.Input(Wide, Rows, In);
        var weight = place.Input(true, Out, In);
        var bias = Bias ? place.Input(true, Out) : null;
        return new(() => [nn.functional.linear(x, weight, bias)], [.. new[] { First ? null : x, weight, bias }.OfType<Tensor>()]);
    }
}
