using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>Everything around a sublayer: its norm, dropout, scale, stochastic depth and the residual sum.</summary>
/// <param name="B">Sequences or images.</param>
/// <param name="T">Places of each.</param>
/// <param name="D">The width.</param>
/// <param name="Norm">The norm.</param>
/// <param name="Wide">Whether the residual stream is in 32 bits.</param>
sealed record ResidualKernel(long B, long T, long D, NormConfig Norm, bool Wide) : Kernel
{
    internal bool Bias { get; init; } = true;
    internal double Dropout { get; init; }
    /// <summary>Whether an image may skip the sublayer.</summary>
    internal bool DropPath { get; init; }
    internal bool Scale { get; init; }

    internal override string Name => $"norm, {(Dropout > 0 ? "dropout, " : "")}{(Scale ? "scale, " : "")}{(DropPath ? "drop path, " : "")}residual sum {B * T} x {D}";
    internal override KernelKind Kind => KernelKind.Memory;
    internal override double Numbers => 6.0 * B * T * D;

    internal override long Kept(int narrow)
    {
        var numbers = B * T * D;
        return numbers * (Stream(narrow) + (Scale ? narrow : 0)) + 8 * B * T;
    }

    internal override long Passing(int narrow) => B * T * D * (Stream(narrow) + (Dropout > 0 ? narrow : 0));

    int Stream(int narrow) => Wide ? sizeof(float) : narrow;

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, real) = Fewer(B, share);
        return (this with { B = batch }, real);
    }

    /// <summary>Whether the engine has one operator for a sublayer within it, where products are of such numbers.</summary>
    /// <param name="narrow">Bytes of a number in the products' type.</param>
    internal bool FusesIn(int narrow) => narrow < sizeof(float) && Wide && !DropPath && !Scale && D % 2 == 0;

    /// <summary>The connection, as training has it.</summary>
    internal Residual NewResidual(KernelPlace place)
    {
        var residual = new Residual(Norm, (int)D, Bias, Dropout, Scale ? new LayerScale((int)D, 1) : null, DropPath ? new DropPath(0.1) : null);
        residual.to(place.Device);
        residual.train();
        return residual;
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var residual = NewResidual(place);
        var x = place.Input(Wide, B, T, D);
        var sublayer = place.Input(false, B, T, D);
        return new(() =>
        {
            Tensor? given = null;
            var sum = residual.forward(x, normed =>
            {
                given = normed;
                return sublayer;
            });
            // Where the norm comes first, its result goes through the sublayer and has a gradient of its own.
            return Norm.Placement == NormPlacement.Pre ? [sum, given!] : [sum];
        }, [x, sublayer, .. residual.parameters()], residual);
    }
}

/// <summary>A norm alone.</summary>
sealed record NormKernel(long Rows, long D, NormConfig Norm, bool Wide, bool Bias = true) : Kernel
{
    internal override string Name => $"norm {Rows} x {D}";
    internal override KernelKind Kind => KernelKind.Memory;
    internal override double Numbers => 4.0 * Rows * D;
    internal override long Kept(int narrow) => Rows * D * (Wide ? sizeof(float) : narrow) + 8 * Rows;
    internal override long Passing(int narrow) => Rows * D * (Wide ? sizeof(float) : narrow);

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (rows, real) = Fewer(Rows, share);
        return (this with { Rows = rows }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var norm = new Norm(Norm, (int)D, Bias).to(place.Device);
        var x = place.Input(Wide, Rows, D);
        return new(() => [norm.call(x)], [x, .. norm.parameters()], norm);
    }
}
