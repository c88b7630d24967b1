using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>One layer: attention within the sequence, then the feed-forward network, each with its residual connection.</summary>
/// <remarks>Vaswani et al. 2017, figure 1, left; Radford et al. 2019 for the decoder-only form.</remarks>
public sealed class Block : nn.Module
{
    readonly Attention attention;
    readonly Residual attentionResidual;
    readonly FeedForward feedForward;
    readonly Residual feedForwardResidual;

    /// <summary>A layer of parts.</summary>
    public Block(Attention attention, FeedForward feedForward, Func<Residual> residual) : base(nameof(Block))
    {
        this.attention = attention;
        attentionResidual = residual();
        this.feedForward = feedForward;
        feedForwardResidual = residual();
        RegisterComponents();
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="input">Masks, positions, cache and recorder for attention, and the position in the run.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor forward(Tensor x, AttentionInput input)
    {
        using var scope = NewDisposeScope();
        x = attention.ForwardResidual(attentionResidual, x, input);
        x = feedForward.ForwardResidual(feedForwardResidual, x, input.Random);
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>One layer of a decoder: causal self-attention, attention to the source, then the feed-forward network.</summary>
/// <remarks>Vaswani et al. 2017, figure 1, right.</remarks>
public sealed class DecoderBlock : nn.Module
{
    readonly Attention attention;
    readonly Residual attentionResidual;
    readonly Attention crossAttention;
    readonly Residual crossAttentionResidual;
    readonly FeedForward feedForward;
    readonly Residual feedForwardResidual;

    /// <summary>A layer of parts.</summary>
    public DecoderBlock(Attention attention, Attention crossAttention, FeedForward feedForward, Func<Residual> residual) : base(nameof(DecoderBlock))
    {
        this.attention = attention;
        attentionResidual = residual();
        this.crossAttention = crossAttention;
        crossAttentionResidual = residual();
        this.feedForward = feedForward;
        feedForwardResidual = residual();
        RegisterComponents();
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="self">Positions, mask, cache and recorder of the self-attention.</param>
    /// <param name="memory">What the encoder made of the source, [B, S, D]; null where the cache of <paramref name="cross"/> holds it.</param>
    /// <param name="cross">Mask, cache and recorder of the attention to the source.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor forward(Tensor x, AttentionInput self, Tensor? memory, AttentionInput cross)
    {
        using var scope = NewDisposeScope();
        x = attention.ForwardResidual(attentionResidual, x, self);
        x = crossAttention.ForwardResidual(crossAttentionResidual, x, cross, memory);
        x = feedForward.ForwardResidual(feedForwardResidual, x, self.Random);
        return x.MoveToOuterDisposeScope();
    }
}
