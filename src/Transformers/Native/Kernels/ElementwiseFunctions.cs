using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Activations, computed by the kernels.</summary>
sealed unsafe partial class ActivationFunction : KernelFunction
{
    readonly Tensor given;
    ActivationArguments arguments;
    Tensor? x;

    ActivationFunction(Tensor x, KernelActivation activation, bool gated)
    {
        given = x;
        var width = gated ? x.size(-1) / 2 : x.size(-1);
        arguments = new() { Rows = x.numel() / Math.Max(1, x.size(-1)), Width = width, Activation = activation, Gated = gated ? 1 : 0, Type = TypeOf(x.dtype) };
    }

    /// <summary>act(x).</summary>
    internal static Tensor Of(Tensor x, KernelActivation activation) => new ActivationFunction(x, activation, gated: false).Apply(x);

    /// <summary>The activated first half of x times its second half: […, 2F] becomes […, F].</summary>
    internal static Tensor Gated(Tensor x, KernelActivation activation) => new ActivationFunction(x, activation, gated: true).Apply(x);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        var y = empty([.. given.shape[..^1], arguments.Width], given.dtype);
        arguments.X = At(x);
        arguments.Y = At(y);
        KernelStatus.Check(tk_activation_forward(arguments));
        GC.KeepAlive(this);
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var (dy, dx) = (gradient.to(x!.dtype).contiguous(), empty_like(x));
        arguments.X = At(x);
        KernelStatus.Check(tk_activation_backward(arguments, At(dy), At(dx)));
        GC.KeepAlive((this, dy));
        return [dx];
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_forward(in ActivationArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_activation_backward(in ActivationArguments a, void* dy, void* dx);
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

    /// <summary>[Rows, Width].</summary>
    internal void* Y;
}

/// <summary>Dropout, computed by a kernel; nothing is saved for the backward pass.</summary>
sealed unsafe partial class DropoutKernelFunction : KernelFunction
{
    readonly Tensor x;
    readonly KernelDropout dropout;
    readonly ScalarType type;
    readonly long examples;

    DropoutKernelFunction(Tensor x, KernelDropout dropout) => (this.x, this.dropout, type, examples) = (x, dropout, x.dtype, x.size(0));

    /// <summary>drop(x) for x of [B, …]; each index of the first dimension is an example.</summary>
    internal static Tensor Of(Tensor x, KernelDropout dropout) => new DropoutKernelFunction(x, dropout).Apply(x);

    protected override Tensor Forward(bool keep) => Drop(x);

    protected override Tensor?[] Backward(Tensor gradient) => [Drop(gradient.to(type))];

    Tensor Drop(Tensor from)
    {
        var (dense, y) = (from.contiguous(), empty(from.shape, type));
        KernelStatus.Check(tk_drop_run(new()
        {
            Examples = examples, ExampleSize = from.numel() / Math.Max(1, examples), Type = TypeOf(type), X = At(dense), Y = At(y), Dropout = dropout,
        }));
        GC.KeepAlive(dense);
        return y;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_drop_run(in DropArguments a);
}

/// <summary>Dropout of the elements of examples.</summary>
unsafe struct DropArguments
{
    internal long Examples, ExampleSize;
    internal KernelType Type;

    /// <summary>[Examples, ExampleSize].</summary>
    internal void* X, Y;
    internal KernelDropout Dropout;
}

/// <summary>LayerNorm and RMSNorm, computed by a kernel.</summary>
sealed unsafe partial class NormFunction : KernelFunction
{
    readonly Tensor given;
    Tensor weight;
    Tensor? bias;
    readonly ScalarType type;
    NormArguments arguments;
    Tensor? x;

    NormFunction(Tensor x, Tensor weight, Tensor? bias, double epsilon, bool rms, ScalarType type)
    {
        (given, this.weight, this.bias, this.type) = (x, weight, bias, type);
        var D = x.size(-1);
        arguments = new() { Rows = x.numel() / Math.Max(1, D), D = D, XType = TypeOf(x.dtype), YType = TypeOf(type), Rms = rms ? 1 : 0, Epsilon = (float)epsilon };
    }

    /// <summary>Normalises the last dimension of x, […, D]; weight and bias are [D], and the result has the given type.</summary>
    internal static Tensor Of(Tensor x, Tensor weight, Tensor? bias, double epsilon, bool rms, ScalarType type) =>
        new NormFunction(x, weight, bias, epsilon, rms, type).Apply(x, weight, bias);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        if (keep) (weight, bias) = (Hold(weight), HoldIfPresent(bias));
        var y = empty_like(x, type);
        var (mean, rstd) = (arguments.Rms != 0 ? null : empty(arguments.Rows), empty(arguments.Rows));
        if (keep && mean is not null) Keep(mean);
        if (keep) Keep(rstd);
        arguments.Mean = Floats(mean);
        arguments.Rstd = Floats(rstd);
        SetPointers();
        arguments.Y = At(y);
        KernelStatus.Check(tk_norm_forward(arguments));
        GC.KeepAlive((this, mean, rstd));
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = gradient.to(type).contiguous();
        var results = new Tensor?[3];
        results[0] = empty_like(x!);
        SetPointers();
        KernelStatus.Check(tk_norm_backward(arguments, new() { Dy = At(dy), Dx = At(results[0]), Gamma = GradientOf(results, 1), Beta = GradientOf(results, 2) }));
        GC.KeepAlive((this, dy));
        return results;
    }

    void SetPointers()
    {
        arguments.X = At(x);
        arguments.Gamma = Floats(weight);
        arguments.Beta = Floats(bias);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_norm_forward(in NormArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_norm_backward(in NormArguments a, in NormGradients g);
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
