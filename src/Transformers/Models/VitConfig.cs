using Transformers.Configs;
using Transformers.Layers;

namespace Transformers.Models;

/// <summary>A transformer over the patches of an image that tells its class.</summary>
/// <remarks>Dosovitskiy et al. 2021, section 3.1. Regularisation as in Touvron et al. 2021 (DeiT).</remarks>
[Kind("vit")]
public sealed record VitConfig : ImageModelConfig, IChecked
{
    /// <summary>Pixels a side P of a patch; 1 makes every pixel a token.</summary>
    [Between(1, 4096)]
    public required int Patch { get; init; }

    /// <summary>The number of blocks L.</summary>
    [Between(1, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>How the model knows where a patch stands.</summary>
    public ImagePositionsConfig Positions { get; init; } = new LearnedImagePositions();

    /// <summary>What the class is read from.</summary>
    public ImagePooling Pool { get; init; }

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig { Epsilon = 1e-6 };

    /// <summary>What is dropped while training.</summary>
    public ImageDropConfig Drop { get; init; } = new();

    /// <summary>What each sublayer's output is multiplied by at first, a learned number for each dimension; none where this is not given.</summary>
    [Between(1e-8, 1)]
    public double? LayerScale { get; init; }

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInit();

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Width % Heads == 0, "width", $"({Width}) must be divisible by {check.At("heads")} ({Heads})");
        if (Size is { } size)
            check.That(size % Patch == 0, "size", $"({size}) must be divisible by {check.At("patch")} ({Patch})");
        if (Positions is SinusoidalImagePositions)
            check.That(Width % 4 == 0, "width", $"({Width}) must be divisible by 4 for sinusoidal positions in two dimensions");
    }
}

/// <summary>What the class of an image is read from.</summary>
public enum ImagePooling
{
    /// <summary>A token of its own, which stands before the patches.</summary>
    Cls,
    /// <summary>The mean of all patches.</summary>
    Mean,
}

/// <summary>What a network over images drops while training.</summary>
public sealed record ImageDropConfig
{
    /// <summary>The share of activations dropped, after each dense layer but attention's first.</summary>
    [Between(0, 1, Below = true)]
    public double Activations { get; init; }

    /// <summary>The share of attention weights dropped.</summary>
    [Between(0, 1, Below = true)]
    public double Attention { get; init; }

    /// <summary>Stochastic depth: the chance that an image skips a sublayer of the last block; from the first block on it rises linearly from 0.</summary>
    [Between(0, 1, Below = true)]
    public double Path { get; init; }

    /// <summary>The chance to skip a sublayer of a block.</summary>
    /// <param name="block">The block, from 0.</param>
    /// <param name="blocks">The number of blocks.</param>
    public double PathAt(int block, int blocks) => blocks == 1 ? Path : Path * block / (blocks - 1);
}
