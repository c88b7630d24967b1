using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer on the patches of a time series that forecasts it; each series is processed on its own, with the same weights.</summary>
/// <remarks>Nie et al. 2023 (PatchTST), section 3.1.</remarks>
[Kind("patchtst")]
public sealed record PatchTstConfig : ForecasterConfig, IStridedConfig
{
    /// <inheritdoc/>
    public int? Stride { get; init; }

    internal override int Step => Stride ?? Patch;

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is SeriesDataConfig series) CheckCover(check, series.Context, "data.context");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        AddEncoder(products, batch);
        products.Matrix(batch.Rows, batch.Source * Width, batch.Target * (1L + Quantiles.Count));
    }
}

/// <summary>An encoder on the patches of a series, and one linear layer from all of them to the forecast.</summary>
/// <remarks>
/// Nie et al. 2023, section 3.1 and figure 1. Differences: layer norm before the sublayers instead of batch norm after them, quantiles
/// in addition to the mean, a mask of missing values in addition to the values, and no patch of repeated values at the end.
/// </remarks>
public sealed class PatchTst : SeriesModel
{
    readonly PatchStack encoder;
    readonly Dropout dropout;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">The lengths of context, horizon and season.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The patches do not cover the context.</exception>
    public PatchTst(PatchTstConfig config, SeriesShape shape, Generator? generator = null) : base(nameof(PatchTst), config, shape)
    {
        encoder = new PatchStack(config, shape.Context);
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
