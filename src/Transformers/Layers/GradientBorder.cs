using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A block whose gradients are complete once the backward pass has reached its input.</summary>
interface IHasBorder
{
    /// <summary>Called in a backward pass when no gradient of the block's parameters changes any more; null for nobody.</summary>
    Action? GradientsReady { get; set; }
}

/// <summary>Passes its input and its gradient on unchanged, and reports when the backward pass gets there.</summary>
/// <remarks>
/// The backward pass runs what was computed last first, so when it comes to a block's input, everything that the block computed from it is
/// done. TorchSharp has no hooks of tensors; this costs about 12 µs per block.
/// </remarks>
sealed class GradientBorder : ManagedFunction
{
    readonly Tensor given;
    readonly Action ready;

    GradientBorder(Tensor given, Action ready) => (this.given, this.ready) = (given, ready);

    /// <summary>The input of a block, watched where somebody waits for the block's gradients.</summary>
    internal static Tensor Before(Tensor x, Action? ready) =>
        ready is null || !is_grad_enabled() || !x.requires_grad ? x : new GradientBorder(x, ready).Apply(x);

    protected override Tensor Forward(bool keep) => given.alias();

    protected override Tensor?[] Backward(Tensor gradient)
    {
        ready();
        return [gradient.alias()];
    }
}
