using System.Runtime.Intrinsics.X86;
using TorchSharp.Modules;
using TorchSharp;
using Transformers.Configs;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A layer with a type of its own for products; weights stay in 32 bits.</summary>
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

    /// <summary>Creates a layer with weights uniform within ±1/√inputs, like libtorch's own layer; models initialise theirs again
    /// (<see cref="Initialization"/>).</summary>
    /// <param name="inputs">The width of the input.</param>
    /// <param name="outputs">The width of the output.</param>
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

    /// <summary>The tensors that products read, and their copies in the compute type.</summary>
    internal IEnumerable<(Tensor From, Tensor To)> Copies()
    {
        weightCopy ??= empty_like(weight, Compute).requires_grad_(false).DetachFromDisposeScope();
        yield return (weight, weightCopy);
        if (bias is null) yield break;
        biasCopy ??= empty_like(bias, Compute).requires_grad_(false).DetachFromDisposeScope();
        yield return (bias, biasCopy);
    }

    /// <summary>Frees the copies: products then convert the weights at each use.</summary>
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

/// <summary>The product of a linear layer, whose gradients are accumulated in 32 bits whatever the compute type.</summary>
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

/// <summary>Chooses the type of products, and sets it in a model's layers.</summary>
public static class Precisions
{
    /// <summary>What <c>auto</c> means on a device: bf16 where the hardware multiplies it natively, else fp32.</summary>
    public static Precision Resolve(Precision asked, Device device) =>
        asked != Precision.Auto ? asked : MultipliesBFloat16(device) ? Precision.Bf16 : Precision.Fp32;

    /// <summary>A resolved precision as configs and results name it: <c>fp32</c> or <c>bf16</c>.</summary>
    internal static string NameOf(Precision precision) => precision == Precision.Bf16 ? "bf16" : "fp32";

    /// <summary>Sets the compute type of all layers of a model. Weights stay in 32 bits.</summary>
    public static void Apply(nn.Module model, Precision precision)
    {
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        foreach (var layer in model.modules().OfType<IComputes>())
        {
            if (layer.Compute != type && layer is Linear linear) linear.DropCopies();
            layer.Compute = type;
        }
        if (model is IComputes own) own.Compute = type;
    }

    /// <summary>Whether a device has instructions for products of bfloat16 numbers.</summary>
    public static bool MultipliesBFloat16(Device device)
    {
        if (device.type == DeviceType.CUDA) return true;
        if (!X86Base.IsSupported) return false;
        // Leaf 7.1, EAX bit 5 is AVX512_BF16; leaf 7.0, EDX bit 22 is AMX-BF16.
        return (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0 || (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0;
    }
}

/// <summary>Copies of a model's weights in the compute type, updated in one call per step; without them, each product converts its
/// weights.</summary>
public sealed class WeightCopies
{
    readonly (Tensor From, Tensor To)[] copies;

    WeightCopies((Tensor, Tensor)[] copies) => this.copies = copies;

    /// <summary>The copies that a model's products read; null if they read the weights themselves, in 32 bits.</summary>
    /// <param name="model">The model, its precision set.</param>
    public static WeightCopies? For(nn.Module model, Device device)
    {
        if (!AreUsed(device, Precision.Bf16)) return null;
        (Tensor, Tensor)[] copies = [.. model.modules().OfType<Linear>().Where(layer => layer.Compute != ScalarType.Float32).SelectMany(layer => layer.Copies())];
        return copies.Length == 0 ? null : new(copies);
    }

    /// <summary>Whether products read copies: kernels read the weights themselves, and round them while packing.</summary>
    internal static bool AreUsed(Device device, Precision precision) =>
        precision == Precision.Bf16 && !(device.type == DeviceType.CPU && KernelFunction.Multiplies(ScalarType.BFloat16));

    /// <summary>Copies all weights as they are now.</summary>
    public void Refresh()
    {
        using var plain = no_grad();
        Operators.CopyAll([.. copies.Select(copy => copy.To)], [.. copies.Select(copy => copy.From)]);
    }
}

/// <summary>How a decoder's matrices are stored for generation.</summary>
public enum WeightFormat
{
    /// <summary>32-bit floats.</summary>
    Fp32 = 0,
    /// <summary>bfloat16.</summary>
    Bf16 = 1,
    /// <summary>8-bit integers with one scale per row of a matrix: half the memory of bfloat16, and an error in about the fourth digit of a
    /// loss.</summary>
    Int8 = 2,
}

/// <summary>How numbers are stored while a decoder runs.</summary>
/// <param name="Products">The type of products, and of keys and values in the cache: <see cref="Precision.Fp32"/> or <see cref="Precision.Bf16"/>.</param>
/// <param name="Quantized">Whether the matrices have 8 bits.</param>
public readonly record struct DecoderFormat(Precision Products, bool Quantized = false)
{
    /// <summary>How matrices are stored.</summary>
    public WeightFormat Weights => Quantized ? WeightFormat.Int8 : Products == Precision.Bf16 ? WeightFormat.Bf16 : WeightFormat.Fp32;
}
