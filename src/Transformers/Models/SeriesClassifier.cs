using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer on the patches of a time series that classifies it.</summary>
/// <remarks>The encoder of Nie et al. 2023 (PatchTST), section 3.1.</remarks>
[Kind("series_classifier")]
public sealed record SeriesClassifierConfig : SeriesModelConfig, IStridedConfig
{
    /// <inheritdoc/>
    public int? Stride { get; init; }

    internal override int Step => Stride ?? Patch;

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is LabelledSeriesDataConfig series) CheckCover(check, series.Length, "data.length");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        AddEncoder(products, batch);
        products.Matrix(batch.Rows, Width, sizes.Classes);
    }
}

/// <summary>An encoder on the patches of a series, a mean over patches, and a linear layer to the classes.</summary>
public sealed class SeriesClassifier : nn.Module
{
    readonly PatchStack encoder;
    readonly Dropout dropout;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="length">The number of steps L of a series.</param>
    /// <param name="classes">The number of classes N.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The patches do not cover the series.</exception>
    public SeriesClassifier(SeriesClassifierConfig config, int length, int classes, Generator? generator = null) : base(nameof(SeriesClassifier))
    {
        encoder = new PatchStack(config, length);
        dropout = new Dropout(config.Dropout);
        head = new Linear(config.Width, classes);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    /// <summary>The first step of each patch that attention is between.</summary>
    internal IEnumerable<int> PatchSteps => encoder.Steps;

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="values">[B, L], normalised; arbitrary where a value is missing.</param>
    /// <param name="observed">[B, L]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N], in 32 bits.</returns>
    public Tensor Logits(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default) =>
        head.call(dropout.forward(encoder.forward(values, observed, recorder, random).mean([1L]), random)).to(ScalarType.Float32);
}
