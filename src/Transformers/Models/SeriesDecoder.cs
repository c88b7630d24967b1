using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A decoder-only transformer on the patches of a time series: each patch forecasts the steps after it.</summary>
/// <remarks>Das et al. 2024 (TimesFM), section 4.</remarks>
[Kind("series_decoder")]
public sealed record SeriesDecoderConfig : ForecasterConfig
{
    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is SeriesDataConfig series) check.That(series.Context % Patch == 0, "model.patch", $"({Patch}) must divide data.context ({series.Context})");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        AddEncoder(products, batch);
        products.Matrix(batch.Rows * batch.Source, Width, batch.Target * (1L + Quantiles.Count));
    }
}

/// <summary>A causal stack of blocks on the patches of a series, with a forecast after each patch.</summary>
/// <remarks>
/// Das et al. 2024, section 4. In training, every patch forecasts what follows it, as every token of a language model does; the
/// forecast of the last patch is the model's, and only its loss is reported.
/// </remarks>
public sealed class SeriesDecoder : SeriesModel
{
    readonly SeriesDecoderConfig config;
    readonly PatchStack decoder;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">The lengths of context, horizon and season.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The patch does not divide the context.</exception>
    public SeriesDecoder(SeriesDecoderConfig config, SeriesShape shape, Generator? generator = null) : base(nameof(SeriesDecoder), config, shape)
    {
        this.config = config;
        decoder = new PatchStack(config, shape.Context, causal: true);
        head = new Linear(config.Width, shape.Horizon * Outputs);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    internal override IEnumerable<int> PatchSteps => decoder.Steps;

    // The forecasts of n patches, each of which sees everything up to its end.
    Tensor After(Tensor hidden, Tensor visible, params IReadOnlyList<int> ends)
    {
        var output = head.call(hidden).to(ScalarType.Float32).view(-1, ends.Count, Shape.Horizon, Outputs);
        return AddBaseline(output, visible, ends);                                                          // [B, n, H, 1 + Q]
    }

    /// <inheritdoc/>
    public override Tensor Forecast(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var hidden = decoder.forward(values, observed, recorder, random);
        return After(hidden.select(1, -1), PatchStack.Visible(values, observed), Shape.Context).squeeze(1);
    }

    /// <inheritdoc/>
    public override (LossSum Loss, Tensor Forecast) Loss(Tensor values, Tensor observed, Tensor target, Tensor known, RandomPosition random = default)
    {
        if (!training) return base.Loss(values, observed, target, known, random);
        var (visible, N) = (PatchStack.Visible(values, observed), decoder.Count);
        var forecasts = After(decoder.forward(values, observed, null, random), visible, [.. Enumerable.Range(1, N).Select(patch => patch * config.Patch)]);
        // What follows a patch is in the context, except for the last patch.
        var losses = LossOf(forecasts, Following(cat([visible, target], 1)), Following(cat([observed, known], 1)));   // [B, N, H]
        return (new LossSum(losses.sum() / Scalars.Of(N), losses.detach().select(1, N - 1).sum()), forecasts.select(1, N - 1));

        Tensor Following(Tensor all) => all.unfold(1, Shape.Horizon, config.Patch).narrow(1, 1, N);
    }
}
