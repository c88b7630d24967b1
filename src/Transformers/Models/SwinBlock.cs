using TorchSharp;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>One layer: attention within windows of a grid, then the feed-forward network, each with its residual connection.</summary>
/// <remarks>Liu et al. 2021, section 3.2 and figure 3b.</remarks>
public sealed class SwinBlock : nn.Module
{
    readonly int side;
    readonly bool shifted;
    readonly WindowPadding padding;
    readonly Attention attention;
    readonly WindowPositionBias positions;
    readonly Residual attentionResidual;
    readonly FeedForward feedForward;
    readonly Residual feedForwardResidual;
    readonly ConstantCache masks = new();

    /// <summary>A layer of parts.</summary>
    /// <param name="attention">The attention.</param>
    /// <param name="positions">The bias within a window.</param>
    /// <param name="feedForward">The feed-forward network.</param>
    /// <param name="residual">Makes a residual connection.</param>
    /// <param name="side">The window's side W.</param>
    /// <param name="shifted">Whether the windows are moved by half a side.</param>
    /// <param name="padding">What is seen in padding.</param>
    public SwinBlock(Attention attention, WindowPositionBias positions, FeedForward feedForward, Func<Residual> residual,
        int side, bool shifted, WindowPadding padding) : base(nameof(SwinBlock))
    {
        (this.side, this.shifted, this.padding) = (side, shifted, padding);
        this.attention = attention;
        this.positions = positions;
        attentionResidual = residual();
        this.feedForward = feedForward;
        feedForwardResidual = residual();
        RegisterComponents();
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, Y, X, D].</param>
    /// <param name="recorder">Takes attention weights, [B·G, H, T, T]: an image's windows stand together.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, Y, X, D].</returns>
    public Tensor forward(Tensor x, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        using var scope = NewDisposeScope();
        var (_, Y, X, _) = x.Dims4();
        var windows = Windows.Of(Y, X, side, shifted);
        // Every window is an example to attention.
        var input = new AttentionInput(Mask: Bias(windows, x.device), Recorder: recorder, Random: random with { FirstExample = random.FirstExample * windows.Count });
        x = attentionResidual.forward(x, h => windows.Join(attention.forward(windows.Cut(h), input)), random);
        x = feedForward.ForwardResidual(feedForwardResidual, x, random);
        return x.MoveToOuterDisposeScope();
    }

    Tensor Bias(Windows windows, Device device)
    {
        var bias = positions.forward(windows.Height, windows.Width).unsqueeze(0);                 // [1, H, T, T]
        // The mask of a grid is made once; one that hides nothing is kept as a scalar 0.
        var mask = masks.Get(windows.Rows, windows.Columns, 0, device, ScalarType.Float32, () => windows.Mask(padding)?.unsqueeze(1) ?? tensor(0f));
        return mask.dim() == 0 ? bias : bias + mask;                                              // [1 or G, H, T, T]
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) masks.Dispose();
        base.Dispose(disposing);
    }
}
