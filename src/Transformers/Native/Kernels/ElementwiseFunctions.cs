using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Activations, computed by the kernels.</summary>
sealed unsafe partial class ActivationFunction : KernelFunction
{
    readonly Tensor given;
    Tensor? bias;
    ActivationArguments arguments;
    Tensor? x;

    ActivationFunction(Tensor x, Tensor? bias, KernelActivation activation, bool gated)
    {
        (given, this.bias) = (x, bias);
        var width = gated ? x.size(-1) / 2 : x.size(-1);
        arguments = new() { Rows = x.numel() / Math.Max(1, x.size(-1)), Width = width, Activation = activation, Gated = gated ? 1 : 0, Type = TypeOf(x.dtype) };
    }

    /// <summary>act(x + bias) for x of […, F] and a bias of [F].</summary>
    internal static Tensor Of(Tensor x, Tensor? bias, KernelActivation activation) => new ActivationFunction(x, bias, activation, gated: false).Apply(x, bias);

    /// <summary>The activated first half of x times its second half: […, 2F] becomes […, F].</summary>
    internal static Tensor Gated(Tensor x, KernelActivation activation) => new ActivationFunction(x, null, activation, gated: true).Apply(x, null);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        if (keep) bias = HoldIfPresent(bias);
        var y = empty([.. given.shape[..^1], arguments.Width], given.dtype);
        SetPointers();
        arguments.Y = At(y);
        KernelStatus.Check(tk_activation_forward(arguments));
        GC.KeepAlive(this);
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = gradient.to(x!.dtype).contiguous();
        var results = new Tensor?[2];
        results[0] = empty_like(x);
        SetPointers();
        KernelStatus.Check(tk_activation_backward(arguments, new() { Dy = At(dy), Dx = At(results[0]), Bias = GradientOf(results, 1) }));
        GC.KeepAlive((this, dy));
        return results;
    }

    void SetPointers()
    {
        arguments.X = At(x);
        arguments.Bias = Floats(bias);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_forward(in ActivationArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_backward(in ActivationArguments a, in ActivationGradients g);
}

/// <summary>An activation.</summary>
unsafe struct ActivationArguments
{
    internal long Rows, Width;
    internal KernelActivation Activation;
    internal int Gated;
    internal KernelType Type;

    /// <summary>[Rows, Width], or [Rows, 2·Width] if gated.</summary>
    internal void* X;

    /// <summary>[Width]; null for none, and if gated.</summary>
    internal float* Bias;

    /// <summary>[Rows, Width].</summary>
    internal void* Y;
}

/// <summary>The gradients of an activation.</summary>
unsafe struct ActivationGradients
{
    internal void* Dy, Dx;
    internal KernelGradient Bias;
}

/// <summary>Dropout with or without a residual connection, computed by a kernel; nothing is saved for the backward pass.</summary>
sealed unsafe partial class DropoutKernelFunction : KernelFunction
{
    readonly Tensor x;
    readonly Tensor? residual;
    readonly KernelDropout dropout;
    readonly ScalarType type;
    readonly ScalarType? residualType;
    readonly long examples;

    DropoutKernelFunction(Tensor x, Tensor? residual, KernelDropout dropout) =>
        (this.x, this.residual, this.dropout, type, residualType, examples) = (x, residual, dropout, x.dtype, residual?.dtype, x.size(0));

    /// <summary>residual + drop(x), both [B, …], in the wider of their types; each index of the first dimension is an example.</summary>
    internal static Tensor Of(Tensor x, Tensor? residual, KernelDropout dropout) => new DropoutKernelFunction(x, residual, dropout).Apply(x, residual);

    protected override Tensor Forward(bool keep)
    {
        var wide = type == ScalarType.Float32 || residualType == ScalarType.Float32;
        return Drop(x, residual, wide ? ScalarType.Float32 : type);
    }

    protected override Tensor?[] Backward(Tensor gradient) => [Drop(gradient, null, type), residualType is { } added ? gradient.to(added) : null];

    Tensor Drop(Tensor from, Tensor? added, ScalarType to)
    {
        var (dense, sum) = (from.contiguous(), added?.contiguous());
        var y = empty(from.shape, to);
        KernelStatus.Check(tk_dropout_add_run(new()
        {
            Examples = examples, ExampleSize = from.numel() / Math.Max(1, examples), XType = TypeOf(dense.dtype), ResidualType = sum is null ? default : TypeOf(sum.dtype),
            YType = TypeOf(to), X = At(dense), Residual = At(sum), Y = At(y), Dropout = dropout,
        }));
        GC.KeepAlive((dense, sum));
        return y;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_dropout_add_run(in DropoutAddArguments a);
}

/// <summary>Dropout with or without a residual connection.</summary>
unsafe struct DropoutAddArguments
{
    internal long Examples, ExampleSize;
    internal KernelType XType, ResidualType, YType;

    /// <summary>[Examples, ExampleSize]; the residual may be null.</summary>
    internal void* X, Residual, Y;
    internal KernelDropout Dropout;
}
