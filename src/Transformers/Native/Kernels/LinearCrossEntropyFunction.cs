using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>The cross entropy of an output layer, computed by a kernel: gradients are computed with the loss, and the backward pass returns
/// them.</summary>
sealed unsafe partial class LinearCrossEntropyFunction : KernelFunction
{
    readonly Tensor hidden, weight, targets;
    readonly Tensor? bias;
    readonly double smoothing;
    readonly ScalarType compute;
    readonly Tensor?[] gradients = new Tensor?[3];
    double plain;

    LinearCrossEntropyFunction(Tensor hidden, Tensor weight, Tensor? bias, Tensor targets, double smoothing, ScalarType compute) =>
        (this.hidden, this.weight, this.bias, this.targets, this.smoothing, this.compute) = (hidden, weight, bias, targets, smoothing, compute);

    /// <summary>Whether the kernel supports this output layer.</summary>
    internal static bool Takes(Tensor hidden, Tensor weight, ScalarType compute) => Takes([hidden, weight]) && Multiplies(compute);

    /// <summary>The sum over the counted targets, in nats.</summary>
    /// <param name="hidden">[N, D].</param>
    /// <param name="weight">[V, D].</param>
    /// <param name="bias">[V]; null for none.</param>
    /// <param name="targets">[N] int64: classes below V, or -100 for a row that does not count.</param>
    /// <param name="smoothing">The probability that is spread over all classes.</param>
    /// <param name="compute">The type of products.</param>
    /// <returns>The loss with its graph, a scalar in 32 bits, and the loss without smoothing.</returns>
    internal static (Tensor Loss, double Plain) Sum(Tensor hidden, Tensor weight, Tensor? bias, Tensor targets, double smoothing, ScalarType compute)
    {
        var function = new LinearCrossEntropyFunction(hidden, weight, bias, targets, smoothing, compute);
        var loss = function.Apply(hidden, weight, bias);
        return (loss, function.plain);
    }

    protected override Tensor Forward(bool keep)
    {
        if (targets.dtype != ScalarType.Int64) throw new ArgumentException($"targets must be 64-bit integers, not {targets.dtype}");
        var (rows, matrix, offsets, classes) = (hidden.contiguous(), weight.contiguous(), bias is null ? null : Dense(bias), targets.contiguous());
        Tensor?[] inputs = [hidden, weight, bias];
        for (var i = 0; i < inputs.Length; i++)
            if (keep && inputs[i] is { requires_grad: true } input) gradients[i] = Keep(empty(input.shape, ScalarType.Float32));
        double loss, without;
        KernelStatus.Check(tk_linear_cross_entropy_run(new()
        {
            Rows = rows.size(0), D = rows.size(1), V = matrix.size(0), Products = TypeOf(compute), HiddenType = TypeOf(rows.dtype), Hidden = At(rows), HiddenRow = rows.size(1),
            Weight = Matrix(matrix), Bias = Floats(offsets), Targets = (long*)At(classes), IgnoreIndex = -100, LabelSmoothing = smoothing,
            Loss = &loss, PlainLoss = &without, DHidden = Floats(gradients[0]), DWeight = new() { Data = Floats(gradients[1]) }, DBias = new() { Data = Floats(gradients[2]) },
        }));
        GC.KeepAlive((rows, matrix, offsets, classes));
        plain = without;
        return tensor((float)loss);
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var factor = gradient.item<float>();
        if (factor != 1)
            foreach (var part in gradients) part?.mul_(Scalars.Of(factor));
        return [PassOn(0, () => gradients[0]!), PassOn(1, () => gradients[1]!), PassOn(2, () => gradients[2]!)];
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_cross_entropy_run(in LinearCrossEntropyArguments a);
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

    /// <summary>The sum over the targets that count; the second without label smoothing, null if it is not wanted.</summary>
    internal double* Loss, PlainLoss;

    /// <summary>[Rows, D]; null if it is not wanted.</summary>
    internal float* DHidden;
    internal KernelGradient DWeight, DBias;
}

/// <summary>A linear layer, computed by a kernel.</summary>
sealed unsafe partial class LinearKernelFunction : KernelFunction
{
    readonly Tensor given;
    Tensor weight;
    Tensor? bias;
    readonly ScalarType compute, type;
    Tensor? x;
    LinearArguments arguments;

    LinearKernelFunction(Tensor x, Tensor weight, Tensor? bias, ScalarType compute, ScalarType type)
    {
        (given, this.weight, this.bias, this.compute, this.type) = (x, weight, bias, compute, type);
        var (rows, outputs) = (x.numel() / Math.Max(1, x.size(-1)), weight.size(0));
        arguments = new()
        {
            Rows = rows, In = x.size(-1), Out = outputs, XRow = x.size(-1), YRow = outputs, Products = TypeOf(compute), XType = TypeOf(x.dtype), YType = TypeOf(type),
        };
    }

    /// <summary>Whether the kernel supports this layer.</summary>
    internal static bool Takes(Tensor x, Tensor weight, ScalarType compute) => Takes([x, weight]) && x.numel() > 0 && Multiplies(compute);

    /// <summary>x·Wᵀ + b for x of […, In], W of [Out, In] and b of [Out]: operands in the compute type, the result in another.</summary>
    internal static Tensor Of(Tensor x, Tensor weight, Tensor? bias, ScalarType compute, ScalarType type) =>
        new LinearKernelFunction(x, weight, bias, compute, type).Apply(x, weight, bias);

    protected override Tensor Forward(bool keep)
    {
        x = HoldRead(given, given.contiguous(), keep)!;
        if (keep) (weight, bias) = (Hold(weight), HoldIfPresent(bias));
        var y = empty([.. given.shape[..^1], arguments.Out], type);
        SetPointers();
        arguments.Y = At(y);
        KernelStatus.Check(tk_linear_forward(arguments));
        GC.KeepAlive(this);
        return y;
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var dy = gradient.to(type).contiguous();
        var results = new Tensor?[3];
        if (Needs(0)) results[0] = empty_like(x!);
        SetPointers();
        KernelStatus.Check(tk_linear_backward(arguments, new()
        {
            DyType = TypeOf(type), DxType = arguments.XType, Dy = At(dy), DyRow = arguments.Out, Dx = At(results[0]), Weight = GradientOf(results, 1), Bias = GradientOf(results, 2),
        }));
        GC.KeepAlive(dy);
        GC.KeepAlive(this);
        return results;
    }

    void SetPointers()
    {
        arguments.X = At(x);
        arguments.Weight = Matrix(weight);
        arguments.Bias = Floats(bias);
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_forward(in LinearArguments a);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_linear_backward(in LinearArguments a, in LinearGradients g);
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

    /// <summary>[Rows, In]; null if it is not wanted.</summary>
    internal void* Dx;
    internal KernelGradient Weight, Bias;
}
