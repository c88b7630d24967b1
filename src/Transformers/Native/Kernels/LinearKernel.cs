using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>Linear layers.</summary>
static unsafe partial class LinearKernel
{
    /// <summary>y = x·Wᵀ + b.</summary>
    internal static void Forward(in LinearArguments arguments)
    {
        fixed (LinearArguments* a = &arguments) KernelStatus.Check(tk_linear_forward(a));
    }

    /// <summary>The gradients of the same.</summary>
    internal static void Backward(in LinearArguments arguments, in LinearGradients gradients)
    {
        fixed (LinearArguments* a = &arguments)
        fixed (LinearGradients* g = &gradients) KernelStatus.Check(tk_linear_backward(a, g));
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_forward(LinearArguments* a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_backward(LinearArguments* a, LinearGradients* g);
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
