using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer over the patches of a series that forecasts it; every series alone, by the same weights.</summary>
/// <remarks>Nie et al. 2023 (PatchTST), section 3.1.</remarks>
[Kind("patchtst")]
public sealed record PatchTstConfig : ForecasterConfig, IChecked
{
    /// <summary>Steps from one patch to the next; by default the patch, so that patches do not overlap.</summary>
    [Between(1, 100_000)]
    public int? Stride { get; init; }

    internal int StrideOrPatch => Stride ?? Patch;

    internal override int PatchesOf(int context) => (context - Patch) / StrideOrPatch + 1;

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        CheckParts(check);
        check.That(StrideOrPatch <= Patch, "stride", $"({StrideOrPatch}) must be at most {check.At("patch")} ({Patch}): steps between patches would not be seen");
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is SeriesDataConfig series) CheckCover(check, StrideOrPatch, series.Context, "data.context");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, T, D) = (batch.Rows, batch.Source, Width);
        products.Matrix(B * T, 2L * Patch, D);
        products.SelfAttention(B, T, D, Heads, Heads, Layers);
        products.FeedForward(B * T, D, FeedForward, Layers);
        products.Matrix(B, T * D, batch.Target * (1L + Quantiles.Count));
    }
}

/// <summary>An encoder over patches of a series, and one linear layer from all of them to the forecast.</summary>
/// <remarks>
/// Nie et al. 2023, section 3.1 and figure 1. Differences: layer norm before the sublayers in place of batch norm after them, quantiles
/// beside the mean, the pattern of missing values beside the values, and no patch of repeated values at the end.
/// </remarks>
public sealed class PatchTst : SeriesModel
{
    readonly PatchStack encoder;
    readonly Dropout dropout;
    readonly Linear head;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">What it sees and forecasts.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The patches do not cover the context.</exception>
    public PatchTst(PatchTstConfig config, SeriesShape shape, Generator? generator = null) : base(nameof(PatchTst), config, shape)
    {
        encoder = new PatchStack(config, shape.Context, config.StrideOrPatch);
        dropout = new Dropout(config.Dropout);
        head = new Linear(encoder.Count * config.Width, shape.Horizon * Outputs);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    internal override IEnumerable<int> PatchSteps => encoder.Steps;

    /// <inheritdoc/>
    public override Tensor Forecast(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var hidden = dropout.forward(encoder.forward(values, observed, recorder, random).flatten(1), random);     // [B, N·D]
        var output = head.call(hidden).to(ScalarType.Float32).view(-1, 1, Shape.Horizon, Outputs);
        return AddBaseline(output, PatchStack.Visible(values, observed), Shape.Context).squeeze(1);                // [B, H, 1 + Q]
    }
}
