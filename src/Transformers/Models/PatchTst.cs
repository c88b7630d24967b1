using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
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
public sealed record PatchTstConfig : SeriesModelConfig, IChecked
{
    /// <summary>Steps from one patch to the next; by default the patch, so that patches do not overlap.</summary>
    [Between(1, 100_000)]
    public int? Stride { get; init; }

    internal int StrideOrPatch => Stride ?? Patch;

    internal override int PatchesOf(int context) => (context - Patch) / StrideOrPatch + 1;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "layers", "baseline"];

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        CheckParts(check);
        check.That(StrideOrPatch <= Patch, "stride", $"({StrideOrPatch}) must be at most {check.At("patch")} ({Patch}): steps between patches would not be seen");
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is not SeriesDataConfig series) return;
        check.That(Patch <= series.Context, "model.patch", $"({Patch}) must be at most data.context ({series.Context})");
        check.That(Patch > series.Context || (series.Context - Patch) % StrideOrPatch == 0, "model.patch",
            $"({Patch}) and a stride of {StrideOrPatch} must cover data.context ({series.Context}) to its last step", $"for example data.context={Patch + StrideOrPatch * Math.Max(1, (series.Context - Patch) / StrideOrPatch)}");
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
    readonly PatchTstConfig config;
    [ComponentName(Name = "patch_emb")]
    readonly Linear patches;
    [ComponentName(Name = "pos_emb")]
    readonly Positions positions;
    readonly Dropout dropout, headDropout;
    readonly ModuleList<Block> blocks;
    readonly Norm? norm;
    readonly Linear head;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">What it sees and forecasts.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The patches do not cover the context.</exception>
    public PatchTst(PatchTstConfig config, SeriesShape shape, Generator? generator = null) : base(nameof(PatchTst), config, shape)
    {
        if (config.Patch > shape.Context || (shape.Context - config.Patch) % config.StrideOrPatch != 0)
            throw new UserException($"model.patch ({config.Patch}) and a stride of {config.StrideOrPatch} must cover data.context ({shape.Context}) to its last step");
        this.config = config;
        var N = config.PatchesOf(shape.Context);
        patches = new Linear(2 * config.Patch, config.Width);
        positions = Positions.Create(config.Positions, N, config.Width, config.Heads);
        (dropout, headDropout) = (new Dropout(config.Dropout), new Dropout(config.Dropout));
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new Block(
            new Attention(config.Width, config.Heads, dropout: config.InnerDropout),
            new FeedForward(config.FeedForward, config.Width, dropout: config.InnerDropout),
            () => new Residual(config.Norm, config.Width, dropout: config.Dropout))).ToArray());
        norm = config.Norm.Placement == NormPlacement.Pre ? new Norm(config.Norm, config.Width) : null;
        head = new Linear(N * config.Width, shape.Horizon * Outputs);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    /// <inheritdoc/>
    public override Tensor Forecast(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var x = patches.call(Patches(values, observed, config.Patch, config.StrideOrPatch));               // [B, N, D]
        x = dropout.forward(positions.Embed(x, 0), random);
        foreach (var block in blocks)
            x = block.forward(x, new AttentionInput(positions, Recorder: recorder, Random: random));
        if (norm is not null) x = norm.call(x);
        var output = head.call(headDropout.forward(x.flatten(1), random)).to(ScalarType.Float32);          // [B, H·(1 + Q)]
        return AddBaseline(output.view(-1, 1, Shape.Horizon, Outputs), Visible(values, observed), Shape.Context).squeeze(1);
    }
}
