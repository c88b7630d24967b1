using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>LayerNorm and RMSNorm, computed by a kernel.</summary>
sealed unsafe partial class NormFunction : KernelFunction
{
    readonly Tensor given;
    Tensor weight;
    Tensor? bias;
    readonly ScalarType type;
    NormArguments arguments;
    Tensor? x;

    NormFunction(Tensor x, Tensor weight, Tensor? bias, double epsilon, bool rms, ScalarType type)
    {
        (given, this.weight, this.bias, this.type) = (x, weight, bias, type);
        var D = x.size(-1);
        arguments = new() { Rows = x.numel() / Math.Max(1, D), D = D, XType = TypeOf(x.dtype), YType = TypeOf(type), Rms = rms ? 1 : 0, Epsilon = (float)epsilon };
    }

    /// <summary>Normalises the last dimension of x, […, D]; weight and bias are [D], and the result has the given type.</summary>
    internal static Tensor Of(Tensor x, Tensor weight, Tensor? bias, double epsilon, bool rms, ScalarType type) =>
        new NormFunction(x, weight, bias, epsilon, rms, type).Apply(x, weight, bias);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        if (keep) (weight, bias) = (Hold(weight), HoldIfPresent(bias));
        var y = empty_like(x, type);
        var (mean, rstd) = (arguments.Rms != 0 ? null : empty(arguments.Rows), empty(arguments.Rows));
        if (keep && mean is not null) Keep(mean);
        if (keep) Keep(rstd);
        arguments.Mean = Floats(mean);
        arguments.Rstd = Floats(rstd);
        SetPointers();
        arguments.Y = At(y);
        KernelStatus.Check(tk_norm_forward(arguments));
        GC.KeepAlive((this, mean, rstd));
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = gradient.to(type).contiguous();
        var results = new Tensor?[3];
        results[0] = empty_like(x!);
        SetPointers();
        KernelStatus.Check(tk_norm_backward(arguments, new() { Dy = At(dy), Dx = At(results[0]), Gamma = GradientOf(results, 1), Beta = GradientOf(results, 2) }));
        GC.KeepAlive((this, dy));
        return results;
    }

    void SetPointers()
    {
        arguments.X = At(x);
        arguments.Gamma = Floats(weight);
        arguments.Beta = Floats(bias);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_norm_forward(in NormArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_norm_backward(in NormArguments a, in NormGradients g);
}

/// <summary>A norm over the last dimension.</summary>
unsafe struct NormArguments
{
    internal long Rows, D;
    internal KernelType XType, YType;
    internal int Rms;
    internal float Epsilon;

    /// <summary>[Rows, D].</summary>
    internal void* X;

    /// <summary>[D]; null for 1 and 0.</summary>
    internal float* Gamma, Beta;

    /// <summary>[Rows, D].</summary>
    internal void* Y;

    /// <summary>[Rows], for the backward pass.</summary>
    internal float* Mean, Rstd;
}

/// <summary>The gradients of a norm.</summary>
unsafe struct NormGradients
{
    internal void* Dy, Dx;
    internal KernelGradient Gamma, Beta;
}
