using TorchSharp.Utils;
using Transformers.Configs;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>One of ViLBERT's two streams.</summary>
public sealed record StreamConfig : IChecked
{
    /// <summary>The number of layers before co-attention; 0 for none.</summary>
    [Between(0, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of attention heads H, also in co-attention; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the stream.</summary>
    [Between(1, 1_000_000)]
    public required int Width { get; init; }

    /// <summary>The feed-forward network of a layer.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Width % Heads == 0, "width", $"({Width}) must be divisible by {check.At("heads")} ({Heads})");
}

/// <summary>A layer's inputs besides the vectors of its two streams.</summary>
/// <param name="Text">Hides padding of the text.</param>
/// <param name="Image">Hides padding of the image's regions.</param>
/// <param name="Recorder">Records the weights of co-attention.</param>
/// <param name="Random">The position in the run, for dropout.</param>
public readonly record struct CoInput(PaddingMask? Text = null, PaddingMask? Image = null, CoAttentionRecorder? Recorder = null, RandomPosition Random = default);

/// <summary>Records the weights of co-attention in both directions, one tensor per layer.</summary>
public sealed class CoAttentionRecorder : IDisposable
{
    /// <summary>From the text's tokens to the image's regions, [B, H, T, R].</summary>
    public AttentionRecorder TextToImage { get; } = new();

    /// <summary>From the image's regions to the text's tokens, [B, H, R, T].</summary>
    public AttentionRecorder ImageToText { get; } = new();

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        TextToImage.Dispose();
        ImageToText.Dispose();
    }
}

/// <summary>A layer with two streams: each attends to the other and then to itself, with a feed-forward network after each.</summary>
/// <remarks>
/// Lu et al. 2019, section 3.1 and figure 2: a co-attentional transformer layer, in which each stream's queries attend to the other
/// stream's keys and values, followed by a transformer layer. The paper normalises after each residual sum; with norms before
/// the sublayers, the input of keys and values is also normalised, as it already is with post-norm.
/// </remarks>
public sealed class CoBlock : nn.Module, IBlock
{
    [ComponentName(Name = "text_attn")]
    readonly Attention textAttention;
    [ComponentName(Name = "image_attn")]
    readonly Attention imageAttention;
    [ComponentName(Name = "text_mlp")]
    readonly FeedForward textFeedForward;
    [ComponentName(Name = "image_mlp")]
    readonly FeedForward imageFeedForward;
    readonly Residual residual1, residual2, residual3, residual4;
    [ComponentName(Name = "text_source_norm")]
    readonly Norm? textSource;
    [ComponentName(Name = "image_source_norm")]
    readonly Norm? imageSource;
    readonly Block text, image;

    /// <summary>Creates a layer.</summary>
    /// <param name="texts">The text stream.</param>
    /// <param name="images">The image stream.</param>
    /// <param name="norm">The norm and its placement.</param>
    /// <param name="dropout">The dropout rate of each sublayer's output.</param>
    public CoBlock(StreamConfig texts, StreamConfig images, NormConfig norm, double dropout) : base(nameof(CoBlock))
    {
        (textAttention, imageAttention) = (Cross(texts, images), Cross(images, texts));
        (textFeedForward, imageFeedForward) = (new FeedForward(texts.FeedForward, texts.Width), new FeedForward(images.FeedForward, images.Width));
        (residual1, residual2, residual3, residual4) = (Connect(texts), Connect(images), Connect(texts), Connect(images));
        (text, image) = (Within(texts, norm, dropout), Within(images, norm, dropout));
        if (norm.Placement == NormPlacement.Pre) (textSource, imageSource) = (new Norm(norm, texts.Width), new Norm(norm, images.Width));
        register_module("text_attn", textAttention);
        residual1.RegisterIn(this, 1);
        register_module("image_attn", imageAttention);
        residual2.RegisterIn(this, 2);
        register_module("text_mlp", textFeedForward);
        residual3.RegisterIn(this, 3);
        register_module("image_mlp", imageFeedForward);
        residual4.RegisterIn(this, 4);
        if (textSource is not null) register_module("text_source_norm", textSource);
        if (imageSource is not null) register_module("image_source_norm", imageSource);
        register_module("text", text);
        register_module("image", image);

        Residual Connect(StreamConfig stream) => new(norm, stream.Width, dropout: dropout);
    }

    static Attention Cross(StreamConfig own, StreamConfig other) => new(own.Width, own.Heads, cross: true, sourceWidth: other.Width);

    /// <summary>A layer within one stream.</summary>
    internal static Block Within(StreamConfig stream, NormConfig norm, double dropout) => new(
        new Attention(stream.Width, stream.Heads), new FeedForward(stream.FeedForward, stream.Width), () => new Residual(norm, stream.Width, dropout: dropout));

    IEnumerable<IDrawsNumbers> IBlock.Draws =>
    [
        textAttention.Dropout, .. residual1.Draws, imageAttention.Dropout, .. residual2.Draws, textFeedForward.Dropout, .. residual3.Draws, imageFeedForward.Dropout, .. residual4.Draws,
    ];

    /// <summary>Applies the layer.</summary>
    /// <param name="t">The text stream, [B, T, D].</param>
    /// <param name="v">The image stream, [B, R, D'].</param>
    /// <param name="input">Padding, recorder and the position in the run.</param>
    /// <returns>Both streams.</returns>
    public (Tensor Text, Tensor Image) forward(Tensor t, Tensor v, CoInput input)
    {
        using var scope = NewDisposeScope();
        var (fromText, fromImage) = (textSource?.call(t) ?? t, imageSource?.call(v) ?? v);
        t = textAttention.ForwardResidual(residual1, t, new AttentionInput(Recorder: input.Recorder?.TextToImage, Padding: input.Image, Random: input.Random), fromImage);
        v = imageAttention.ForwardResidual(residual2, v, new AttentionInput(Recorder: input.Recorder?.ImageToText, Padding: input.Text, Random: input.Random), fromText);
        t = textFeedForward.ForwardResidual(residual3, t, input.Random);
        v = imageFeedForward.ForwardResidual(residual4, v, input.Random);
        t = text.forward(t, new AttentionInput(Padding: input.Text, Random: input.Random));
        v = image.forward(v, new AttentionInput(Padding: input.Image, Random: input.Random));
        return (t.MoveToOuterDisposeScope(), v.MoveToOuterDisposeScope());
    }
}
