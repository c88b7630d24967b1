using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Activations, computed by the kernels.</summary>
sealed unsafe partial class ActivationFunction : KernelFunction
{
    readonly Tensor given;
    ActivationArguments arguments;
    Tensor? x;

    ActivationFunction(Tensor x, KernelActivation activation, bool gated)
    {
        given = x;
        var width = gated ? x.size(-1) / 2 : x.size(-1);
        arguments = new() { Rows = x.numel() / Math.Max(1, x.size(-1)), Width = width, Activation = activation, Gated = gated ? 1 : 0, Type = TypeOf(x.dtype) };
    }

    /// <summary>act(x).</summary>
    internal static Tensor Of(Tensor x, KernelActivation activation) => new ActivationFunction(x, activation, gated: false).Apply(x);

    /// <summary>The activated first half of x times its second half: […, 2F] becomes […, F].</summary>
    internal static Tensor Gated(Tensor x, KernelActivation activation) => new ActivationFunction(x, activation, gated: true).Apply(x);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        var y = empty([.. given.shape[..^1], arguments.Width], given.dtype);
        (arguments.X, arguments.Y) = (At(x), At(y));
        KernelStatus.Check(tk_activation_forward(arguments));
        GC.KeepAlive(this);
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var (dy, dx) = (gradient.to(x!.dtype).contiguous(), empty_like(x));
        arguments.X = At(x);
        KernelStatus.Check(tk_activation_backward(arguments, At(dy), At(dx)));
        GC.KeepAlive((this, dy));
        return [dx];
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_forward(in ActivationArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_backward(in ActivationArguments a, void* dy, void* dx);
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

    /// <summary>[Rows, Width].</summary>
    internal void* Y;
}

/// <summary>Dropout, computed by a kernel; nothing is saved for the backward pass.</summary>
sealed unsafe partial class DropoutKernelFunction : KernelFunction
{
    readonly Tensor x;
    readonly KernelDropout dropout;
    readonly ScalarType type;
    readonly long examples;

    DropoutKernelFunction(Tensor x, KernelDropout dropout) => (this.x, this.dropout, type, examples) = (x, dropout, x.dtype, x.size(0));

    /// <summary>drop(x) for x of [B, …]; each index of the first dimension is an example.</summary>
    internal static Tensor Of(Tensor x, KernelDropout dropout) => new DropoutKernelFunction(x, dropout).Apply(x);

    protected override Tensor Forward(bool keep) => Drop(x);

    protected override Tensor?[] Backward(Tensor gradient) => [Drop(gradient.to(type))];

    Tensor Drop(Tensor from)
    {
        var (dense, y) = (from.contiguous(), empty(from.shape, type));
        KernelStatus.Check(tk_drop_run(new()
        {
            Examples = examples, ExampleSize = from.numel() / Math.Max(1, examples), Type = TypeOf(type), X = At(dense), Y = At(y), Dropout = dropout,
        }));
        GC.KeepAlive(dense);
        return y;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_drop_run(in DropArguments a);
}

/// <summary>Dropout of the elements of examples.</summary>
unsafe struct DropArguments
{
    internal long Examples, ExampleSize;
    internal KernelType Type;

    /// <summary>[Examples, ExampleSize].</summary>
    internal void* X, Y;
    internal KernelDropout Dropout;
}
