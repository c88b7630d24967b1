using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>Scaled dot-product attention, block by block.</summary>
static unsafe partial class AttentionKernel
{
    /// <summary>Attends.</summary>
    internal static void Forward(in AttentionArguments arguments)
    {
        fixed (AttentionArguments* a = &arguments) KernelStatus.Check(tk_attention_forward(a));
    }

    /// <summary>The gradients of the same.</summary>
    internal static void Backward(in AttentionArguments arguments, in AttentionGradients gradients)
    {
        fixed (AttentionArguments* a = &arguments)
        fixed (AttentionGradients* g = &gradients) KernelStatus.Check(tk_attention_backward(a, g));
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_forward(AttentionArguments* a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_backward(AttentionArguments* a, AttentionGradients* g);
}

/// <summary>Attention on heads in memory.</summary>
unsafe struct AttentionArguments
{
    internal long B, H, K, T, S, E;
    internal KernelType Type;

    /// <summary>1: query i sees keys up to i + S - T.</summary>
    internal int Causal;

    /// <summary>Keys that many behind a query are hidden from it; 0 for none.</summary>
    internal long Window;
    internal double Scale;

    /// <summary>[B, H, T, E], [B, K, S, E], [B, K, S, E], [B, H, T, E].</summary>
    internal KernelHeads Queries, Keys, Values, Out;

    /// <summary>[B, H, T], kept for the backward pass; null where there is none.</summary>
    internal float* Lse;

    /// <summary>[B]; null where all keys are seen.</summary>
    internal long* Lengths;
    internal KernelBias Bias;
    internal KernelDropout Dropout;
}

/// <summary>The gradients of attention.</summary>
unsafe struct AttentionGradients
{
    internal KernelHeads DOut, DQ, DK, DV;
    internal KernelGradient Bias;
}
