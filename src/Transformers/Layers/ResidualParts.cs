using TorchSharp;
using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Multiplies each dimension of a sublayer's output by a learned number that starts small.</summary>
/// <remarks>Touvron et al. 2021 (CaiT), section 2.</remarks>
public sealed class LayerScale : nn.Module<Tensor, Tensor>
{
    readonly Parameter weight;

    /// <summary>Creates the layer.</summary>
    /// <param name="width">The width D.</param>
    /// <param name="start">The initial value of all numbers.</param>
    public LayerScale(int width, double start) : base(nameof(LayerScale))
    {
        weight = nn.Parameter(full(width, Scalars.Of(start)));
        RegisterComponents();
    }

    /// <summary>Multiplies.</summary>
    /// <param name="x">[…, D].</param>
    /// <returns>[…, D].</returns>
    public override Tensor forward(Tensor x) => x * weight;
}

/// <summary>Stochastic depth: in training, an example skips the sublayer with a given probability; the others' outputs are scaled so that
/// the mean is unchanged.</summary>
/// <remarks>Huang et al. 2016, drawn for each example and scaled while training, as timm does.</remarks>
public sealed class DropPath : nn.Module, IDrawsNumbers
{
    readonly double probability;

    /// <summary>Creates the layer.</summary>
    /// <param name="probability">The probability of skipping, from 0 to below 1.</param>
    public DropPath(double probability) : base(nameof(DropPath)) => this.probability = probability;

    /// <inheritdoc/>
    public int Site { get; set; }

    /// <summary>Whether examples may be dropped now.</summary>
    internal bool Acts => training && probability > 0;

    /// <summary>Zeroes some examples while training.</summary>
    /// <param name="x">[B, …].</param>
    /// <param name="random">The position in the run.</param>
    /// <returns>[B, …].</returns>
    public Tensor forward(Tensor x, RandomPosition random)
    {
        if (!Acts) return x;
        long[] shape = [x.size(0), .. Enumerable.Repeat(1L, (int)x.dim() - 1)];
        return x * DropoutMask.Create(shape, probability, random.KeyOf(Site), random.FirstExample).to(x.dtype, x.device);   // [B, 1, …]
    }
}
