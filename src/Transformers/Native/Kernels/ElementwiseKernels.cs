using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>Norms, activations and dropout.</summary>
static unsafe partial class ElementwiseKernels
{
    /// <summary>LayerNorm or RMSNorm over the last dimension.</summary>
    internal static void Norm(in NormArguments arguments)
    {
        fixed (NormArguments* a = &arguments) KernelStatus.Check(tk_norm_forward(a));
    }

    /// <summary>The gradients of a norm.</summary>
    internal static void NormBackward(in NormArguments arguments, in NormGradients gradients)
    {
        fixed (NormArguments* a = &arguments)
        fixed (NormGradients* g = &gradients) KernelStatus.Check(tk_norm_backward(a, g));
    }

    /// <summary>act(x + bias), or act(first half of x) times its second half.</summary>
    internal static void Activate(in ActivationArguments arguments)
    {
        fixed (ActivationArguments* a = &arguments) KernelStatus.Check(tk_activation_forward(a));
    }

    /// <summary>The gradients of an activation.</summary>
    internal static void ActivateBackward(in ActivationArguments arguments, in ActivationGradients gradients)
    {
        fixed (ActivationArguments* a = &arguments)
        fixed (ActivationGradients* g = &gradients) KernelStatus.Check(tk_activation_backward(a, g));
    }

    /// <summary>residual + drop(x).</summary>
    internal static void DropoutAdd(in DropoutAddArguments arguments)
    {
        fixed (DropoutAddArguments* a = &arguments) KernelStatus.Check(tk_dropout_add_run(a));
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_norm_forward(NormArguments* a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_norm_backward(NormArguments* a, NormGradients* g);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_forward(ActivationArguments* a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_backward(ActivationArguments* a, ActivationGradients* g);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_dropout_add_run(DropoutAddArguments* a);
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

/// <summary>An activation.</summary>
unsafe struct ActivationArguments
{
    internal long Rows, Width;
    internal KernelActivation Activation;
    internal int Gated;
    internal KernelType Type;

    /// <summary>[Rows, Width], or [Rows, 2·Width] where gated.</summary>
    internal void* X;

    /// <summary>[Width], not where gated; null for none.</summary>
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

/// <summary>Dropout, with a residual connection or without.</summary>
unsafe struct DropoutAddArguments
{
    internal long Examples, ExampleSize;
    internal KernelType XType, ResidualType, YType;

    /// <summary>[Examples, ExampleSize]; the residual may be null.</summary>
    internal void* X, Residual, Y;
    internal KernelDropout Dropout;
}
