using System.Runtime.InteropServices;
using TorchSharp;
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
