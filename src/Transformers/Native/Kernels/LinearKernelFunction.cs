using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>A linear layer by its kernel.</summary>
sealed unsafe partial class LinearKernelFunction : KernelFunction
{
    readonly Tensor given;
    Tensor weight;
    Tensor? bias;
    readonly ScalarType compute, type;
    Tensor? x;
    LinearArguments arguments;

    LinearKernelFunction(Tensor x, Tensor weight, Tensor? bias, ScalarType compute, ScalarType type)
    {
        (given, this.weight, this.bias, this.compute, this.type) = (x, weight, bias, compute, type);
        var (rows, outputs) = (x.numel() / Math.Max(1, x.size(-1)), weight.size(0));
        arguments = new()
        {
            Rows = rows, In = x.size(-1), Out = outputs, XRow = x.size(-1), YRow = outputs, Products = TypeOf(compute), XType = TypeOf(x.dtype), YType = TypeOf(type),
        };
    }

    /// <summary>Whether the kernel takes this layer.</summary>
    internal static bool Takes(Tensor x, Tensor weight, ScalarType compute) => Takes([x, weight]) && x.numel() > 0 && Multiplies(compute);

    /// <summary>x·Wᵀ + b for x of […, In], W of [Out, In] and b of [Out]: operands in the compute type, the result in another.</summary>
    internal static Tensor Of(Tensor x, Tensor weight, Tensor? bias, ScalarType compute, ScalarType type) =>
        new LinearKernelFunction(x, weight, bias, compute, type).Apply(x, weight, bias);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        if (keep) (weight, bias) = (Hold(weight), HoldIfPresent(bias));
        var y = empty([.. given.shape[..^1], arguments.Out], type);
        SetPointers();
        arguments.Y = At(y);
        KernelStatus.Check(tk_linear_forward(arguments));
        GC.KeepAlive(this);
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = gradient.to(type).contiguous();
        var results = new Tensor?[3];
        if (Needs(0)) results[0] = empty_like(x!);
        SetPointers();
        KernelStatus.Check(tk_linear_backward(arguments, new()
        {
            DyType = TypeOf(type), DxType = arguments.XType, Dy = At(dy), DyRow = arguments.Out, Dx = At(results[0]), Weight = GradientOf(results, 1), Bias = GradientOf(results, 2),
        }));
        GC.KeepAlive(dy);
        GC.KeepAlive(this);
        return results;
    }

    void SetPointers()
    {
        arguments.X = At(x);
        arguments.Weight = Matrix(weight);
        arguments.Bias = Floats(bias);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_forward(in LinearArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_backward(in LinearArguments a, in LinearGradients g);
}

/// <summary>A linear layer.</summary>
unsafe struct LinearArguments
{
    internal long Rows, In, Out;
    internal KernelType Products, XType, YType;

    /// <summary>[Rows, In], with elements from one row to the next.</summary>
    internal void* X;
    internal long XRow;

    /// <summary>[Out, In].</summary>
    internal KernelMatrix Weight;

    /// <summary>[Out]; null for none.</summary>
    internal float* Bias;

    /// <summary>[Rows, Out], with elements from one row to the next.</summary>
    internal void* Y;
    internal long YRow;
}

/// <summary>The gradients of a linear layer.</summary>
unsafe struct LinearGradients
{
    internal KernelType DyType, DxType;

    /// <summary>[Rows, Out], with elements from one row to the next.</summary>
    internal void* Dy;
    internal long DyRow;

    /// <summary>[Rows, In]; null where it is not wanted.</summary>
    internal void* Dx;
    internal KernelGradient Weight, Bias;
}
