using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>The feed-forward sublayer, computed by a kernel.</summary>
sealed unsafe partial class FeedForwardFunction : KernelFunction
{
    readonly Tensor given;
    Tensor up, down;
    Tensor? upBias, downBias;
    SublayerNorm norm;
    readonly ScalarType compute;
    FeedForwardArguments arguments;
    Tensor? x;

    FeedForwardFunction(Tensor x, SublayerNorm norm, Tensor up, Tensor? upBias, Tensor down, Tensor? downBias, KernelActivation activation, bool gated, KernelDropout dropout, ScalarType compute)
    {
        (given, this.norm, this.up, this.upBias, this.down, this.downBias, this.compute) = (x, norm, up, upBias, down, downBias, compute);
        var D = x.size(-1);
        var B = x.dim() > 2 ? x.size(0) : 1;
        arguments = new()
        {
            B = B, T = x.numel() / Math.Max(1, B * D), D = D, F = down.size(1), Products = TypeOf(compute), Activation = activation, Gated = gated ? 1 : 0,
            PostNorm = norm.Post ? 1 : 0, Rms = norm.Rms ? 1 : 0, Epsilon = (float)norm.Epsilon, HiddenDropout = dropout, Dropout = norm.Dropout,
        };
    }

    /// <summary>Whether the kernel supports a sublayer with these weights.</summary>
    internal static bool Takes(Tensor x, Tensor up, Tensor down, ScalarType compute) =>
        Takes([x, up, down]) && x.dtype == ScalarType.Float32 && x.numel() > 0 && Multiplies(compute) &&
        (compute == ScalarType.Float32 || up.size(1) % 2 == 0 && down.size(1) % 2 == 0);

    /// <summary>x + drop(down(drop(act(up(norm(x)))))), or norm(x + drop(down(drop(act(up(x))))))), for x of [B, …, D].</summary>
    /// <remarks>The weight up is [F, D], or [2F, D] if gated: the first half is then activated and multiplies the second. The weight down
    /// is [D, F].</remarks>
    internal static Tensor Of(Tensor x, SublayerNorm norm, Tensor up, Tensor? upBias, Tensor down, Tensor? downBias, KernelActivation activation, bool gated, KernelDropout dropout, ScalarType compute) =>
        new FeedForwardFunction(x, norm, up, upBias, down, downBias, activation, gated, dropout, compute).Apply(x, norm.Weight, norm.Bias, up, upBias, down, downBias);

    protected override Tensor Forward(bool keep)
    {
        var dense = given.contiguous();
        var y = empty_like(dense);
        SetPointers(dense);
        arguments.Y = Floats(y);
        if (keep)
        {
            x = HoldRead(given, dense, keep);
            norm = norm with { Weight = Hold(norm.Weight), Bias = HoldIfPresent(norm.Bias) };
            (up, upBias, down, downBias) = (Hold(up), HoldIfPresent(upBias), Hold(down), HoldIfPresent(downBias));
            var rows = arguments.B * arguments.T;
            arguments.Hidden = At(Allocate(rows * up.size(0), compute));
            arguments.Rstd = Floats(Keep(empty(rows)));
            if (!norm.Rms) arguments.Mean = Floats(Keep(empty(rows)));
            if (norm.Post) arguments.Sum = Floats(Allocate(dense.numel(), ScalarType.Float32));
        }
        KernelStatus.Check(tk_feed_forward_forward(arguments));
        GC.KeepAlive(dense);
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = Dense(gradient);
        SetPointers(x!);
        var results = new Tensor?[7];
        results[0] = empty_like(x!);
        KernelStatus.Check(tk_feed_forward_backward(arguments, new()
        {
            Dy = Floats(dy), Dx = Floats(results[0]), Gamma = GradientOf(results, 1), Beta = GradientOf(results, 2),
            Up = GradientOf(results, 3), UpBias = GradientOf(results, 4), Down = GradientOf(results, 5), DownBias = GradientOf(results, 6),
        }));
        GC.KeepAlive(dy);
        return results;
    }

    void SetPointers(Tensor dense)
    {
        arguments.X = Floats(dense);
        arguments.Gamma = Floats(norm.Weight);
        arguments.Beta = Floats(norm.Bias);
        arguments.Up = Matrix(up);
        arguments.UpBias = Floats(upBias);
        arguments.Down = Matrix(down);
        arguments.DownBias = Floats(downBias);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_feed_forward_forward(in FeedForwardArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_feed_forward_backward(in FeedForwardArguments a, in FeedForwardGradients g);
}

/// <summary>A feed-forward sublayer; sizes as in <c>Layers/Shapes.cs</c>.</summary>
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

    /// <summary>[F, D], or [2F, D] if gated.</summary>
    internal KernelMatrix Up;
    internal float* UpBias;

    /// <summary>[D, F].</summary>
    internal KernelMatrix Down;
    internal float* DownBias;
    internal KernelDropout HiddenDropout, Dropout;

    /// <summary>[B, T, D].</summary>
    internal float* Y;

    /// <summary>Saved for the backward pass, [B, T, F] or [B, T, 2F] in the products' type.</summary>
    internal void* Hidden;

    /// <summary>Saved for the backward pass: the norm's statistics, [B, T].</summary>
    internal float* Mean, Rstd;

    /// <summary>Saved for the backward pass with post-norm: the norm's input, [B, T, D].</summary>
    internal float* Sum;
}

/// <summary>The gradients of a feed-forward sublayer.</summary>
unsafe struct FeedForwardGradients
{
    /// <summary>[B, T, D].</summary>
    internal float* Dy, Dx;
    internal KernelGradient Gamma, Beta, Up, UpBias, Down, DownBias;
}
