using Transformers.Configs;
using Transformers.Layers;

namespace Transformers.Models;

/// <summary>A transformer over an image whose attention stays within windows, and whose grid coarsens from stage to stage.</summary>
/// <remarks>Liu et al. 2021, section 3.</remarks>
[Kind("swin")]
public sealed record SwinConfig : ImageModelConfig, IChecked
{
    /// <summary>Pixels a side P of a patch of the first stage.</summary>
    [Between(1, 4096)]
    public int Patch { get; init; } = 4;

    /// <summary>The width C of the first stage; each further stage has twice the width of the one before.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The number of blocks of each stage; windows are shifted in every second one.</summary>
    [NotEmpty, Between(1, 10_000)]
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>The number of attention heads of each stage; it divides the stage's width.</summary>
    [NotEmpty, Between(1, 10_000)]
    public required IReadOnlyList<int> Heads { get; init; }

    /// <summary>Patches a side W of a window.</summary>
    [Between(1, 4096)]
    public int Window { get; init; } = 7;

    /// <summary>What attention sees in the places that fill up windows at the image's edge.</summary>
    public WindowPadding Padding { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig();

    /// <summary>What is dropped while training.</summary>
    public ImageDropConfig Drop { get; init; } = new();

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInit();

    /// <summary>The width of a stage.</summary>
    /// <param name="stage">From 0.</param>
    public int WidthAt(int stage) => checked(Width << stage);

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Layers.Count <= 8, "layers", $"must be at most 8 stages, not {Layers.Count}");
        check.That(Heads.Count == Layers.Count, "heads", $"must name as many stages ({Heads.Count}) as {check.At("layers")} ({Layers.Count})");
        if (Heads.Count != Layers.Count || Layers.Count > 8) return;
        for (var stage = 0; stage < Heads.Count; stage++)
            check.That(WidthAt(stage) % Heads[stage] == 0, $"heads[{stage}]",
                $"({Heads[stage]}) must divide the stage's width, {check.At("width")} · 2^{stage} ({WidthAt(stage)})");
        check.That(Norm.Placement == NormPlacement.Pre, "norm.placement", "must be pre for swin");
    }
}

/// <summary>What attention sees in the places that fill up windows at the image's edge.</summary>
public enum WindowPadding
{
    /// <summary>Nothing: they are hidden.</summary>
    Masked,
    /// <summary>Tokens of zeros, whose keys and values are the projection's biases, as in the published implementation for detection.</summary>
    Zeros,
}
