using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer over the patches of a series that classifies it.</summary>
/// <remarks>The encoder of Nie et al. 2023 (PatchTST), section 3.1.</remarks>
[Kind("series_classifier")]
public sealed record SeriesClassifierConfig : SeriesModelConfig, IChecked
{
    /// <summary>Steps from one patch to the next; by default the patch, so that patches do not overlap.</summary>
    [Between(1, 100_000)]
    public int? Stride { get; init; }

    internal int StrideOrPatch => Stride ?? Patch;

    internal override int PatchesOf(int context) => (context - Patch) / StrideOrPatch + 1;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "layers"];

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        CheckParts(check);
        check.That(StrideOrPatch <= Patch, "stride", $"({StrideOrPatch}) must be at most {check.At("patch")} ({Patch}): steps between patches would not be seen");
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is LabelledSeriesDataConfig series) CheckCover(check, StrideOrPatch, series.Length, "data.length");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, T, D) = (batch.Rows, batch.Source, Width);
        products.Matrix(B * T, 2L * Patch, D);
        products.SelfAttention(B, T, D, Heads, Heads, Layers);
        products.FeedForward(B * T, D, FeedForward, Layers);
        products.Matrix(B, D, sizes.Classes);
    }
}

/// <summary>An encoder over patches of a series, their mean, and a linear layer to the classes.</summary>
public sealed class SeriesClassifier : nn.Module
{
    readonly PatchStack encoder;
    readonly Dropout dropout;
    readonly Linear head;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="length">Steps L of a series.</param>
    /// <param name="classes">The number of classes N.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The patches do not cover the series.</exception>
    public SeriesClassifier(SeriesClassifierConfig config, int length, int classes, Generator? generator = null) : base(nameof(SeriesClassifier))
    {
        encoder = new PatchStack(config, length, config.StrideOrPatch);
        dropout = new Dropout(config.Dropout);
        head = new Linear(config.Width, classes);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    /// <summary>The first step of each patch that attention is between.</summary>
    internal IEnumerable<int> PatchSteps => encoder.Steps;

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="values">[B, L], normalised; any number where a value is missing.</param>
    /// <param name="observed">[B, L]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="recorder">Takes attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N], in 32 bits.</returns>
    public Tensor Logits(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default) =>
        head.call(dropout.forward(encoder.forward(values, observed, recorder, random).mean([1L]), random)).to(ScalarType.Float32);
}
