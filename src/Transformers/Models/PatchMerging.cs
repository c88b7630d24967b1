using TorchSharp;
using TorchSharp.Modules;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Joins each two by two patches of a grid into one of twice the width.</summary>
/// <remarks>Liu et al. 2021, section 3.1. An odd side is filled up with zeros, as the published implementation for detection does.</remarks>
public sealed class PatchMerging : nn.Module<Tensor, Tensor>
{
    readonly Norm norm;
    readonly Linear reduction;

    /// <summary>From a width to twice that width.</summary>
    /// <param name="config">The norm.</param>
    /// <param name="width">The width D that comes in.</param>
    public PatchMerging(NormConfig config, int width) : base(nameof(PatchMerging))
    {
        norm = new Norm(config, 4 * width);
        reduction = new Linear(4 * width, 2 * width, hasBias: false);
        RegisterComponents();
    }

    /// <summary>Joins.</summary>
    /// <param name="x">[B, Y, X, D].</param>
    /// <returns>[B, ⌈Y/2⌉, ⌈X/2⌉, 2D].</returns>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (B, Y, X, D) = x.Dims4();
        if (Y % 2 + X % 2 > 0) x = nn.functional.pad(x, [0, 0, 0, X % 2, 0, Y % 2]);
        // The four parts stand column by column: top left, bottom left, top right, bottom right.
        x = x.reshape(B, (Y + 1) / 2, 2, (X + 1) / 2, 2, D).permute(0, 1, 3, 4, 2, 5).reshape(B, (Y + 1) / 2, (X + 1) / 2, 4 * D);
        return reduction.call(norm.call(x)).MoveToOuterDisposeScope();
    }
}
