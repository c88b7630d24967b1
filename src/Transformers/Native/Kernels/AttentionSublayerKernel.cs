using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>The attention sublayer: norm, projections, attention, output layer, dropout and the residual connection.</summary>
static unsafe partial class AttentionSublayerKernel
{
    /// <summary>y = x + drop(output(attention(qkv(norm(x))))), or with the norm around the sum.</summary>
    internal static void Forward(in AttentionSublayerArguments arguments)
    {
        fixed (AttentionSublayerArguments* a = &arguments) KernelStatus.Check(tk_attention_sublayer_forward(a));
    }

    /// <summary>The gradients of the same.</summary>
    internal static void Backward(in AttentionSublayerArguments arguments, in AttentionSublayerGradients gradients)
    {
        fixed (AttentionSublayerArguments* a = &arguments)
        fixed (AttentionSublayerGradients* g = &gradients) KernelStatus.Check(tk_attention_sublayer_backward(a, g));
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_sublayer_forward(AttentionSublayerArguments* a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_attention_sublayer_backward(AttentionSublayerArguments* a, AttentionSublayerGradients* g);
}

/// <summary>An attention sublayer; the sizes are the house's alphabet.</summary>
unsafe struct AttentionSublayerArguments
{
    internal long B, T, S, D, H, K, E;
    internal KernelType Products;

    // Each 0 or 1.
    internal int Causal, PostNorm, Rms;

    /// <summary>As attention has it.</summary>
    internal long Window;
    internal double Scale;
    internal float Epsilon;

    /// <summary>[B, T, D].</summary>
    internal float* X;

    /// <summary>[B, S, D]; null for attention within x.</summary>
    internal float* Source;

    /// <summary>The norm's, [D]; null for 1 and 0.</summary>
    internal float* Gamma, Beta;

    /// <summary>[(H + 2K)·E, D]: queries, keys, values; [H·E, D] with a source.</summary>
    internal KernelMatrix Query;
    internal float* QueryBias;

    /// <summary>[2K·E, D], with a source: keys, values.</summary>
    internal KernelMatrix Key;
    internal float* KeyBias;

    /// <summary>[D, H·E].</summary>
    internal KernelMatrix Output;
    internal float* OutputBias;
    internal KernelBias Bias;

    /// <summary>[B]; null where all keys are seen.</summary>
    internal long* Lengths;

    /// <summary>Rotary positions, [T, E]; null for none.</summary>
    internal float* Cosine, Sine;
    internal KernelDropout WeightDropout, Dropout;

    /// <summary>[B, T, D].</summary>
    internal float* Y;

    /// <summary>Kept for the backward pass, in the type of the products: [B, T, rows of Query], [B, S, 2K·E] with a source, [B, T, H·E].</summary>
    internal void* Queries, Keys, Mixed;

    /// <summary>Kept, [B, H, T].</summary>
    internal float* Lse;

    /// <summary>Kept: the norm's, [B, T], and where it comes after the sum its input, [B, T, D].</summary>
    internal float* Mean, Rstd, Sum;
}

/// <summary>The gradients of an attention sublayer.</summary>
unsafe struct AttentionSublayerGradients
{
    /// <summary>[B, T, D].</summary>
    internal float* Dy, Dx;

    /// <summary>[B, S, D], with a source.</summary>
    internal float* DSource;
    internal KernelGradient Gamma, Beta, Query, QueryBias, Key, KeyBias, Output, OutputBias, Bias;
}
