using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>The cross entropy of an output layer, without its logits in memory.</summary>
static unsafe partial class LinearCrossEntropyKernel
{
    /// <summary>The loss and, where they are wanted, its gradients.</summary>
    internal static void Run(in LinearCrossEntropyArguments arguments)
    {
        fixed (LinearCrossEntropyArguments* a = &arguments) KernelStatus.Check(tk_linear_cross_entropy_run(a));
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_cross_entropy_run(LinearCrossEntropyArguments* a);
}

/// <summary>An output layer and its targets.</summary>
unsafe struct LinearCrossEntropyArguments
{
    internal long Rows, D, V;
    internal KernelType Products, HiddenType;

    /// <summary>[Rows, D], with elements from one row to the next.</summary>
    internal void* Hidden;
    internal long HiddenRow;

    /// <summary>[V, D].</summary>
    internal KernelMatrix Weight;

    /// <summary>[V]; null for none.</summary>
    internal float* Bias;

    /// <summary>[Rows].</summary>
    internal long* Targets;
    internal long IgnoreIndex;
    internal double LabelSmoothing;

    /// <summary>Gradients are those of the loss times this.</summary>
    internal double GradientScale;

    /// <summary>The sum over the targets that count; the second without label smoothing, null where it is not wanted.</summary>
    internal double* Loss, PlainLoss;

    /// <summary>[Rows, D]; null where it is not wanted.</summary>
    internal float* DHidden;
    internal KernelGradient DWeight, DBias;
}
