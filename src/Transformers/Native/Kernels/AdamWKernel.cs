using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>A parameter with its gradient and its state, <see cref="Size"/> elements each.</summary>
unsafe struct AdamWTensor
{
    internal void* Parameter;
    internal void* Gradient;
    internal float* FirstMoment;
    internal float* SecondMoment;

    /// <summary>Receives the new parameter in bfloat16; null for none.</summary>
    internal void* BFloat16Copy;
    internal long Size;
    internal KernelType ParameterType, GradientType;
    internal double Rate, Decay;
}

/// <summary>AdamW over all parameters in one pass, and the norm of all gradients.</summary>
static unsafe partial class AdamWKernel
{
    /// <summary>One step, in place; steps count from 1, and the scale multiplies every gradient.</summary>
    internal static void Step(ReadOnlySpan<AdamWTensor> tensors, double beta1, double beta2, double epsilon, long step, double scale)
    {
        fixed (AdamWTensor* first = tensors)
        {
            var arguments = new Arguments { Tensors = first, Count = tensors.Length, Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon, Scale = scale, Step = step };
            KernelStatus.Check(tk_adamw_step(&arguments));
        }
    }

    /// <summary>The Euclidean norm of all tensors together; NaN or infinite if an element is.</summary>
    internal static double Norm(ReadOnlySpan<KernelArray> tensors)
    {
        double norm;
        fixed (KernelArray* first = tensors) KernelStatus.Check(tk_gradient_norm(first, tensors.Length, &norm));
        return norm;
    }

    struct Arguments
    {
        internal AdamWTensor* Tensors;
        internal long Count;
        internal double Beta1, Beta2, Epsilon, Scale;
        internal long Step;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_adamw_step(Arguments* arguments);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_gradient_norm(KernelArray* tensors, long count, double* norm);
}
