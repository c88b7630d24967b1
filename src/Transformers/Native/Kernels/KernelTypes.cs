namespace Transformers.Native;

// Structs that several kernels take, documented in src/Kernels/transformer_kernels.h.

/// <summary>The types of numbers that the kernels support.</summary>
enum KernelType
{
    Float32 = 0,
    BFloat16 = 1,
}

/// <summary>Contiguous numbers.</summary>
unsafe struct KernelArray
{
    internal void* Data;
    internal long Size;
    internal KernelType Type;
}

/// <summary>The kernels' activations.</summary>
enum KernelActivation
{
    Gelu = 0,
    GeluTanh = 1,
    Silu = 2,
    Relu = 3,
}

/// <summary>A weight, [rows, columns]; 32-bit or bfloat16 numbers.</summary>
unsafe struct KernelMatrix
{
    internal void* Data;

    /// <summary>Elements from one row to the next.</summary>
    internal long Row;
    internal KernelType Type;
}

/// <summary>Where the gradient of a parameter goes: 32-bit numbers in the parameter's shape.</summary>
unsafe struct KernelGradient
{
    /// <summary>Null if the gradient is not wanted.</summary>
    internal float* Data;

    /// <summary>1: added to the data; 0: the data are overwritten.</summary>
    internal long Add;
}

/// <summary>Counter-based dropout.</summary>
struct KernelDropout
{
    /// <summary>The fraction dropped, below 1.</summary>
    internal double Rate;

    /// <summary>Differs for each step, layer and use.</summary>
    internal ulong Key;

    /// <summary>The position of the batch's first example in the step's whole batch.</summary>
    internal long FirstExample;
}

/// <summary>Heads in memory, with strides in elements; a row is contiguous.</summary>
unsafe struct KernelHeads
{
    internal void* Data;
    internal long Batch, Head, Row;
}

/// <summary>Added to attention's scores: [Batches, Heads, Queries, Keys], each full or 1, and Batches dividing B.</summary>
unsafe struct KernelBias
{
    internal float* Values;
    internal long Batches, Heads, Queries, Keys;
}

/// <summary>Turns the status that a kernel function returns into an exception.</summary>
static partial class KernelStatus
{
    internal const string Library = "transformer_kernels";

    const int Ok = 0, OutOfMemory = 2, Unsupported = 3;

    /// <summary>Throws for a status other than success.</summary>
    /// <exception cref="ArgumentException">The arguments are invalid.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for scratch space.</exception>
    /// <exception cref="NotSupportedException">The processor or the system does not support it.</exception>
    internal static void Check(int status)
    {
        if (status == Ok) return;
        var reason = Marshal.PtrToStringUTF8(tk_last_message());
        throw status switch
        {
            OutOfMemory => new OutOfMemoryException(reason),
            Unsupported => new NotSupportedException(reason),
            _ => new ArgumentException(reason),
        };
    }

    [LibraryImport(Library)]
    private static partial nint tk_last_message();
}

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
