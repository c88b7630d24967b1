using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.ImageText;
using Transformers.Layers;

namespace Transformers.Models;

/// <summary>ViLBERT: a text stream and an image stream that attend to each other, for questions about images and for matching captions.</summary>
/// <remarks>Lu et al. 2019 (ViLBERT). The defaults are BERT's, as in the paper: GELU, post-norm, truncated normal weights.</remarks>
[Kind("vilbert")]
public sealed record VilbertConfig : TextModelConfig, IChecked
{
    /// <summary>The text stream.</summary>
    public required StreamConfig Text { get; init; }

    /// <summary>The image stream.</summary>
    public required StreamConfig Image { get; init; }

    /// <summary>The number of co-attention layers, each followed by a self-attention layer in each stream.</summary>
    [Between(1, 10_000)]
    public required int CoLayers { get; init; }

    /// <summary>The width D of the joint vector, from which answers and matches are predicted: the product of the projections of both streams' first tokens.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The side P of a patch, in pixels; not with <c>data.regions</c>.</summary>
    [Between(1, 4096)]
    public int? Patch { get; init; }

    /// <summary>The maximum number of tokens of a text, including its two framing tokens; longer texts are truncated.</summary>
    [Between(3, 10_000_000)]
    public int Context { get; init; } = 64;

    /// <summary>How the model encodes the positions of patches; region features use their boxes instead.</summary>
    public ImagePositionsConfig Positions { get; init; } = new LearnedImagePositionsConfig();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig { Placement = NormPlacement.Post };

    /// <summary>The dropout rate of embeddings, of each sublayer's output, and of the joint vector.</summary>
    [Between(0, 1, Below = true)]
    public double Dropout { get; init; } = 0.1;

    /// <summary>What the model is trained to do, and how often.</summary>
    public ObjectivesConfig Objectives { get; init; } = new();

    /// <summary>How weights are initialised.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInitConfig();

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "objectives", "positions.scale"];

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        // A batch's targets are its images' regions, including the token for the whole image.
        var (B, T, R) = (batch.Rows, batch.Source, batch.Target);
        products.Matrix(B * (R - 1), sizes.Image.Channels * (long)(Patch * Patch ?? 1), Image.Width);
        Stream(Text, T, R, Image.Width);
        Stream(Image, R, T, Text.Width);
        products.Matrix(B, Text.Width, Width);
        products.Matrix(B, Image.Width, Width);
        products.Matrix(B, Width, 2 * Width);
        products.Matrix(B, 2 * Width, sizes.Classes);

        void Stream(StreamConfig stream, long own, long other, long otherWidth)
        {
            products.SelfAttention(B, own, stream.Width, stream.Heads, stream.Heads, stream.Layers + CoLayers);
            products.CrossAttention(B, own, other, stream.Width, CoLayers, otherWidth);
            products.FeedForward(B * own, stream.Width, stream.FeedForward, stream.Layers + 2 * CoLayers);
        }
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is not ImageTextDataConfig pairs) return;
        check.That(pairs.Input is null || Patch is not null, "model.patch", "must be given if images are read as pixels (data.input)", "for example patch: 16");
        check.That(pairs.Regions is null || Patch is null, "model.patch", $"({Patch}) is for pixels, but data.regions provides region features", "leave it out");
        if (pairs.Input is { } input && Patch is { } patch)
            check.That(input.Size % patch == 0, "model.patch", $"({patch}) must divide data.input.size ({input.Size})");
    }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        if (Positions is SinusoidalImagePositionsConfig)
            check.That(Image.Width % 4 == 0, "image.width", $"({Image.Width}) must be divisible by 4 for sinusoidal positions in two dimensions");
    }
}

/// <summary>What ViLBERT is trained to do, and how often an example is used for each objective; only the ratio of the three frequencies matters.</summary>
/// <remarks>Lu et al. 2019, sections 3.2 and 3.3. They pretrain first and then train each task; training all tasks jointly follows Lu et al. 2020 (12-in-1).</remarks>
public sealed record ObjectivesConfig : IChecked
{
    /// <summary>Answering questions.</summary>
    [Between(0, 1)]
    public double Answer { get; init; } = 0.6;

    /// <summary>Predicting masked tokens of captions and masked regions of their images.</summary>
    [Between(0, 1)]
    public double Masked { get; init; } = 0.2;

    /// <summary>Predicting whether a caption belongs to an image; half of the pairs do.</summary>
    [Between(0, 1)]
    public double Match { get; init; } = 0.2;

    /// <summary>The fraction of questions that are answered with the image hidden, or with the text hidden, half each; needed to evaluate what the model can answer from one input alone.</summary>
    [Between(0, 0.9)]
    public double Alone { get; init; } = 0.05;

    /// <summary>The fraction of a caption's tokens that are masked, at least one.</summary>
    [Between(0.001, 0.9)]
    public double Tokens { get; init; } = 0.15;

    /// <summary>The fraction of an image's regions that are masked, at least one; 0 for none.</summary>
    [Between(0, 0.9)]
    public double Regions { get; init; } = 0.15;

    /// <inheritdoc/>
    public void Check(ConfigCheck check) =>
        check.That(Answer + Masked + Match > 0, "answer", $"({Answer}), {check.At("masked")} ({Masked}) or {check.At("match")} ({Match}) must be above 0");
}
