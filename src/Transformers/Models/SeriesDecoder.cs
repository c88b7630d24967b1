using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A decoder-only transformer over the patches of a series: each patch forecasts the steps after it.</summary>
/// <remarks>Das et al. 2024 (TimesFM), section 4.</remarks>
[Kind("series_decoder")]
public sealed record SeriesDecoderConfig : ForecasterConfig, IChecked
{
    internal override int PatchesOf(int context) => context / Patch;

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => CheckParts(check);

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is SeriesDataConfig series) check.That(series.Context % Patch == 0, "model.patch", $"({Patch}) must divide data.context ({series.Context})");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, T, D) = (batch.Rows, batch.Source, Width);
        products.Matrix(B * T, 2L * Patch, D);
        products.SelfAttention(B, T, D, Heads, Heads, Layers);
        products.FeedForward(B * T, D, FeedForward, Layers);
        products.Matrix(B * T, D, batch.Target * (1L + Quantiles.Count));
    }
}

/// <summary>A causal stack of blocks over patches of a series, with a forecast after each.</summary>
/// <remarks>
/// Das et al. 2024, section 4. While training, every patch forecasts what follows it, as every token of a language model does; the
/// forecast of the last patch is that of the model, and its loss alone is what is reported.
/// </remarks>
public sealed class SeriesDecoder : SeriesModel
{
    readonly SeriesDecoderConfig config;
    readonly PatchStack decoder;
    readonly Linear head;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">What it sees and forecasts.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The patch does not divide the context.</exception>
    public SeriesDecoder(SeriesDecoderConfig config, SeriesShape shape, Generator? generator = null) : base(nameof(SeriesDecoder), config, shape)
    {
        this.config = config;
        decoder = new PatchStack(config, shape.Context, config.Patch, causal: true);
        head = new Linear(config.Width, shape.Horizon * Outputs);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    internal override IEnumerable<int> PatchSteps => decoder.Steps;

    // The forecasts of n patches, each of which sees what comes before its end.
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
        // What follows each patch is in the context but for the last.
        var losses = LossOf(forecasts, Following(cat([visible, target], 1)), Following(cat([observed, known], 1)));   // [B, N, H]
        return (new LossSum(losses.sum() / Scalars.Of(N), losses.detach().select(1, N - 1).sum()), forecasts.select(1, N - 1));

        Tensor Following(Tensor all) => all.unfold(1, Shape.Horizon, config.Patch).narrow(1, 1, N);
    }
}
