using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>The feed-forward sublayer: norm, both products, activation, dropout and the residual connection.</summary>
static unsafe partial class FeedForwardKernel
{
    /// <summary>y = x + drop(down(drop(act(up(norm(x)))))), or with the norm around the sum.</summary>
    internal static void Forward(in FeedForwardArguments arguments)
    {
        fixed (FeedForwardArguments* a = &arguments) KernelStatus.Check(tk_feed_forward_forward(a));
    }

    /// <summary>The gradients of the same.</summary>
    internal static void Backward(in FeedForwardArguments arguments, in FeedForwardGradients gradients)
    {
        fixed (FeedForwardArguments* a = &arguments)
        fixed (FeedForwardGradients* g = &gradients) KernelStatus.Check(tk_feed_forward_backward(a, g));
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_feed_forward_forward(FeedForwardArguments* a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_feed_forward_backward(FeedForwardArguments* a, FeedForwardGradients* g);
}

/// <summary>A feed-forward sublayer; the sizes are the house's alphabet.</summary>
unsafe struct FeedForwardArguments
{
    internal long B, T, D, F;
    internal KernelType Products;
    internal KernelActivation Activation;

    // Each 0 or 1.
    internal int Gated, PostNorm, Rms;
    internal float Epsilon;

    /// <summary>[B, T, D].</summary>
    internal float* X;

    /// <summary>The norm's, [D]; null for 1 and 0.</summary>
    internal float* Gamma, Beta;

    /// <summary>[F, D], or [2F, D] where gated.</summary>
    internal KernelMatrix Up;
    internal float* UpBias;

    /// <summary>[D, F].</summary>
    internal KernelMatrix Down;
    internal float* DownBias;
    internal KernelDropout HiddenDropout, Dropout;

    /// <summary>[B, T, D].</summary>
    internal float* Y;

    /// <summary>Kept for the backward pass, [B, T, F] or [B, T, 2F] in the type of the products.</summary>
    internal void* Hidden;

    /// <summary>Kept: the norm's, [B, T].</summary>
    internal float* Mean, Rstd;

    /// <summary>Kept where the norm comes after the sum, [B, T, D].</summary>
    internal float* Sum;
}

/// <summary>The gradients of a feed-forward sublayer.</summary>
unsafe struct FeedForwardGradients
{
    /// <summary>[B, T, D].</summary>
    internal float* Dy, Dx;
    internal KernelGradient Gamma, Beta, Up, UpBias, Down, DownBias;
}
