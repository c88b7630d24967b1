using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Cuts an image into squares and projects each to a vector.</summary>
/// <remarks>
/// Dosovitskiy et al. 2021, equation 1. The same numbers come from a convolution whose stride is its kernel and from one
/// matrix product over flattened patches; the product is what runs, since a processor does it faster.
/// </remarks>
public sealed class PatchEmbedding : nn.Module<Tensor, Tensor>, IComputes
{
    readonly Parameter weight, bias;

    /// <summary>For squares of a side.</summary>
    /// <param name="channels">The number of channels C.</param>
    /// <param name="patch">Pixels a side P.</param>
    /// <param name="width">The width D.</param>
    public PatchEmbedding(int channels, int patch, int width) : base(nameof(PatchEmbedding))
    {
        weight = nn.Parameter(zeros(width, channels, patch, patch));
        bias = nn.Parameter(zeros(width));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>Projects.</summary>
    /// <param name="x">[B, C, Y·P, X·P].</param>
    /// <returns>[B, Y, X, D].</returns>
    public override Tensor forward(Tensor x) => LinearFunction.Of(Flatten(x, weight.size(2)), weight.flatten(1), bias, null, null, Compute);

    /// <summary>Lays the squares out as vectors.</summary>
    /// <param name="x">[B, C, Y·P, X·P].</param>
    /// <param name="P">Pixels a side.</param>
    /// <returns>[B, Y, X, C·P·P].</returns>
    internal static Tensor Flatten(Tensor x, long P)
    {
        var (B, C, height, width) = x.Dims4();
        return x.reshape(B, C, height / P, P, width / P, P).permute(0, 2, 4, 1, 3, 5).reshape(B, height / P, width / P, C * P * P);
    }

    /// <summary>Projects by a convolution.</summary>
    /// <param name="x">[B, C, Y·P, X·P].</param>
    /// <param name="weight">[D, C, P, P].</param>
    /// <param name="bias">[D].</param>
    /// <returns>[B, Y, X, D].</returns>
    public static Tensor Convolution(Tensor x, Tensor weight, Tensor? bias) =>
        nn.functional.conv2d(x, weight, bias, strides: [weight.size(2), weight.size(3)]).permute(0, 2, 3, 1);
}
