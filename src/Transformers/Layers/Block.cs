using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>One layer: self-attention, then the feed-forward network, each with its residual connection.</summary>
/// <remarks>Vaswani et al. 2017, figure 1, left; Radford et al. 2019 for the decoder-only form.</remarks>
public sealed class Block : nn.Module, IBlock, IHasBorder
{
    [ComponentName(Name = "attn")]
    readonly Attention attention;
    [ComponentName(Name = "mlp")]
    readonly FeedForward feedForward;
    readonly Residual residual1, residual2;
    Action? ready;

    /// <summary>Creates a layer from its parts.</summary>
    public Block(Attention attention, FeedForward feedForward, Func<Residual> residual) : base(nameof(Block))
    {
        (this.attention, residual1, this.feedForward, residual2) = (attention, residual(), feedForward, residual());
        register_module("attn", attention);
        residual1.RegisterIn(this, 1);
        register_module("mlp", feedForward);
        residual2.RegisterIn(this, 2);
    }

    Action? IHasBorder.GradientsReady { get => ready; set => ready = value; }

    IEnumerable<IDrawsNumbers> IBlock.Draws => [attention.Dropout, .. residual1.Draws, feedForward.Dropout, .. residual2.Draws];

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="input">Masks, positions, cache and recorder for attention, and the position in the run.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor forward(Tensor x, AttentionInput input)
    {
        using var scope = NewDisposeScope();
        x = GradientBorder.Before(x, ready);
        x = attention.ForwardResidual(residual1, x, input);
        x = feedForward.ForwardResidual(residual2, x, input.Random);
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>One layer of a decoder: causal self-attention, cross-attention, then the feed-forward network.</summary>
/// <remarks>Vaswani et al. 2017, figure 1, right.</remarks>
public sealed class DecoderBlock : nn.Module, IBlock, IHasBorder
{
    [ComponentName(Name = "attn")]
    readonly Attention attention;
    [ComponentName(Name = "cross_attn")]
    readonly Attention crossAttention;
    [ComponentName(Name = "mlp")]
    readonly FeedForward feedForward;
    readonly Residual residual1, residual2, residual3;
    Action? ready;

    /// <summary>Creates a layer from its parts.</summary>
    public DecoderBlock(Attention attention, Attention crossAttention, FeedForward feedForward, Func<Residual> residual) : base(nameof(DecoderBlock))
    {
        (this.attention, residual1, this.crossAttention, residual2, this.feedForward, residual3) = (attention, residual(), crossAttention, residual(), feedForward, residual());
        register_module("attn", attention);
        residual1.RegisterIn(this, 1);
        register_module("cross_attn", crossAttention);
        residual2.RegisterIn(this, 2);
        register_module("mlp", feedForward);
        residual3.RegisterIn(this, 3);
    }

    Action? IHasBorder.GradientsReady { get => ready; set => ready = value; }

    IEnumerable<IDrawsNumbers> IBlock.Draws =>
        [attention.Dropout, .. residual1.Draws, crossAttention.Dropout, .. residual2.Draws, feedForward.Dropout, .. residual3.Draws];

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="self">Positions, mask, cache and recorder of the self-attention.</param>
    /// <param name="memory">The encoder's output for the source, [B, S, D]; null if the cache of <paramref name="cross"/> holds it.</param>
    /// <param name="cross">Mask, cache and recorder of the cross-attention.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor forward(Tensor x, AttentionInput self, Tensor? memory, AttentionInput cross)
    {
        using var scope = NewDisposeScope();
        x = GradientBorder.Before(x, ready);
        x = attention.ForwardResidual(residual1, x, self);
        x = crossAttention.ForwardResidual(residual2, x, cross, memory);
        x = feedForward.ForwardResidual(residual3, x, self.Random);
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>A block whose gradients are complete once the backward pass has reached its input.</summary>
interface IHasBorder
{
    /// <summary>Called in a backward pass once the gradients of the block's parameters are complete; may be null.</summary>
    Action? GradientsReady { get; set; }
}

/// <summary>Passes its input and its gradient on unchanged, and reports when the backward pass reaches it.</summary>
/// <remarks>
/// The backward pass runs in reverse order, so when it reaches a block's input, everything that the block computed from that input is done.
/// TorchSharp has no tensor hooks; this costs about 12 µs per block.
/// </remarks>
sealed class GradientBorder : ManagedFunction
{
    readonly Tensor given;
    readonly Action ready;

    GradientBorder(Tensor given, Action ready) => (this.given, this.ready) = (given, ready);

    /// <summary>The input of a block; calls <paramref name="ready"/>, if it is not null, when the block's gradients are complete.</summary>
    internal static Tensor Before(Tensor x, Action? ready) =>
        ready is null || !is_grad_enabled() || !x.requires_grad ? x : new GradientBorder(x, ready).Apply(x);

    protected override Tensor Forward(bool keep) => given.alias();

    protected override Tensor?[] Backward(Tensor gradient)
    {
        ready();
        return [gradient.alias()];
    }
}

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
