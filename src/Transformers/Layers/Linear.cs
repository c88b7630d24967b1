using TorchSharp;
using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A layer whose products are computed in a type of its own; weights stay in 32 bits.</summary>
interface IComputes
{
    /// <summary>The type of products: float or bfloat16.</summary>
    ScalarType Compute { get; set; }
}

/// <summary>x·Wᵀ + b, the product in the layer's compute type.</summary>
public sealed class Linear : nn.Module<Tensor, Tensor>, IComputes
{
    /// <summary>The matrix W, [outputs, inputs].</summary>
    public readonly Parameter weight;

    /// <summary>The bias b, [outputs]; null for none.</summary>
    public readonly Parameter? bias;

    Tensor? weightCopy, biasCopy;

    /// <summary>Whether its output is added to the residual stream, for initialisation.</summary>
    internal bool WritesToResidual { get; init; }

    /// <summary>A layer with weights drawn evenly from ±1/√inputs, as libtorch's own layer; models draw theirs anew (<see cref="Initialization"/>).</summary>
    /// <param name="inputs">The width that comes in.</param>
    /// <param name="outputs">The width that goes out.</param>
    /// <param name="hasBias">Whether a bias is added.</param>
    public Linear(long inputs, long outputs, bool hasBias = true) : base(nameof(Linear))
    {
        var bound = 1 / Math.Sqrt(inputs);
        weight = nn.Parameter(empty(outputs, inputs).uniform_(-bound, bound));
        bias = hasBias ? nn.Parameter(empty(outputs).uniform_(-bound, bound)) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>Multiplies.</summary>
    /// <param name="x">[…, inputs].</param>
    /// <returns>[…, outputs], in the compute type.</returns>
    public override Tensor forward(Tensor x) => LinearFunction.Of(x, weight, bias, weightCopy, biasCopy, Compute);

    /// <summary>The tensors that products read, and where their copies in the compute type go.</summary>
    internal IEnumerable<(Tensor From, Tensor To)> Copies()
    {
        weightCopy ??= empty_like(weight, Compute).requires_grad_(false).DetachFromDisposeScope();
        yield return (weight, weightCopy);
        if (bias is null) yield break;
        biasCopy ??= empty_like(bias, Compute).requires_grad_(false).DetachFromDisposeScope();
        yield return (bias, biasCopy);
    }

    /// <summary>Forgets the copies: products then convert the weights at each use.</summary>
    internal void DropCopies()
    {
        weightCopy?.Dispose();
        biasCopy?.Dispose();
        weightCopy = biasCopy = null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) DropCopies();
        base.Dispose(disposing);
    }
}

/// <summary>The product of a linear layer, whose gradients are added in 32 bits whatever type it is computed in.</summary>
sealed class LinearFunction : ManagedFunction
{
    readonly Tensor x, weight;
    readonly Tensor? bias;
    readonly ScalarType compute;
    Tensor? narrowInput, narrowWeight, narrowBias;

    LinearFunction(Tensor x, Tensor weight, Tensor? bias, Tensor? weightCopy, Tensor? biasCopy, ScalarType compute)
    {
        (this.x, this.weight, this.bias, this.compute) = (x, weight, bias, compute);
        (narrowWeight, narrowBias) = (weightCopy, biasCopy);
    }

    internal static Tensor Of(Tensor x, Tensor weight, Tensor? bias, Tensor? weightCopy, Tensor? biasCopy, ScalarType compute)
    {
        if (LinearKernelFunction.Takes(x, weight, compute)) return LinearKernelFunction.Of(x, weight, bias, compute, compute);
        if (compute == weight.dtype && x.dtype == compute) return nn.functional.linear(x, weight, bias);
        return new LinearFunction(x, weight, bias, weightCopy, biasCopy, compute).Apply(x, weight, bias);
    }

    protected override Tensor Forward(bool keep)
    {
        var input = x.to(compute);
        var matrix = narrowWeight ?? weight.to(compute);
        if (keep)
        {
            narrowInput = x.dtype == compute ? KeepInput(x) : Keep(input);
            narrowWeight = narrowWeight is null ? Keep(matrix) : KeepInput(narrowWeight);
        }
        return nn.functional.linear(input, matrix, narrowBias ?? bias?.to(compute));
    }

    protected override Tensor?[] Backward(Tensor gradient)
    {
        var narrow = gradient.to(compute).reshape(-1, gradient.size(-1));                             // [N, outputs]
        return
        [
            PassOn(0, () => narrow.mm(narrowWeight!).view(ShapeOf(0))),
            PassOn(1, () => narrow.t().mm(narrowInput!.reshape(-1, narrowInput.size(-1)))),
            PassOn(2, () => narrow.sum([0L], type: ScalarType.Float32)),
        ];
    }
}
