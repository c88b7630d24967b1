using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.IO;
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
    /// <param name="config">The network.</param>
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
