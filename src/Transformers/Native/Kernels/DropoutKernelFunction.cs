using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

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
