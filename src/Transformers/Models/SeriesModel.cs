using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data.Series;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer over series of numbers, cut into patches.</summary>
public abstract record SeriesModelConfig : SequenceModelConfig, IInnerDropoutConfig
{
    /// <summary>The number of steps P in a patch.</summary>
    [Between(1, 100_000)]
    public required int Patch { get; init; }

    /// <summary>The dropout rate of embeddings, of each sublayer's output, and before the last layer.</summary>
    public override double Dropout { get; init; }

    /// <inheritdoc/>
    public double InnerDropout { get; init; }

    /// <summary>Steps from one patch to the next.</summary>
    internal virtual int Step => Patch;

    /// <summary>The number of patches in a context.</summary>
    internal int PatchesOf(int context) => (context - Patch) / Step + 1;

    /// <summary>The products of all layers but the last.</summary>
    private protected void AddEncoder(ForwardProducts products, BatchShape batch)
    {
        products.Matrix(batch.Rows * batch.Source, 2L * Patch, Width);
        AddBlocks(products, batch.Rows, batch.Source);
    }

    /// <inheritdoc/>
    public override void Check(ConfigCheck check)
    {
        base.Check(check);
        check.That(Positions is not (AlibiPositionsConfig or RelativePositionsConfig), "positions.kind", $"({KindAttribute.Of(Positions)}) must be learned, sinusoidal, rotary or none");
        check.That(Step <= Patch, "stride", $"({Step}) must be at most {check.At("patch")} ({Patch}): steps between patches would not be seen");
    }

    // Reports patches that do not cover the last steps.
    private protected void CheckCover(ConfigCheck check, int steps, string setting)
    {
        check.That(Patch <= steps, "model.patch", $"({Patch}) must be at most {setting} ({steps})");
        check.That(Patch > steps || (steps - Patch) % Step == 0, "model.patch",
            $"({Patch}) and a stride of {Step} must cover {setting} ({steps}) to its last step", $"for example {setting}={Patch + Step * Math.Max(1, (steps - Patch) / Step)}");
    }
}

/// <summary>A setting of models on series whose patches may overlap.</summary>
interface IStridedConfig
{
    /// <summary>The number of steps from one patch to the next; by default the patch size, so that patches do not overlap.</summary>
    [Between(1, 100_000)]
    int? Stride { get; }
}

/// <summary>A network that forecasts series.</summary>
public abstract record ForecasterConfig : SeriesModelConfig
{
    /// <summary>The probabilities of the quantiles that are forecast in addition to the mean, in ascending order.</summary>
    [NotEmpty, Between(0.001, 0.999)]
    public IReadOnlyList<double> Quantiles { get; init; } = [0.1, 0.5, 0.9];

    /// <summary>How the quantiles are calibrated, before training starts, on forecasts of networks that were not trained on the steps they forecast; by default they are not.</summary>
    public CalibrationConfig? Calibration { get; init; }

    /// <summary>The simple forecast to which the network's output is added.</summary>
    public ForecastBaseline Baseline { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "baseline", "calibration"];

    /// <inheritdoc/>
    public override void Check(ConfigCheck check)
    {
        base.Check(check);
        check.That(Quantiles.Zip(Quantiles.Skip(1)).All(pair => pair.First < pair.Second), "quantiles", "must be in ascending order", "for example [0.1, 0.5, 0.9]");
    }
}

/// <summary>Calibrates quantiles with networks like the run's, each trained on an earlier part of the training steps and used to forecast what follows it.</summary>
/// <remarks>Training each takes as long as the run itself. For each step of the forecast, both ends of every band then move by a quantile of the distances by which values were outside it.</remarks>
public sealed record CalibrationConfig
{
    /// <summary>The maximum number of networks K; those with less than half of the run's training windows are left out.</summary>
    [Between(1, 100)]
    public int Networks { get; init; } = 3;

    /// <summary>The number of windows S of every series that each network forecasts. The latest K·S training windows are forecast in time order; a network is trained only on the steps before its own S windows.</summary>
    [Between(1, 1_000_000)]
    public required int Windows { get; init; }
}

/// <summary>Simple forecasts that a network can correct.</summary>
public enum ForecastBaseline
{
    /// <summary>The mean of what the model sees.</summary>
    Mean,
    /// <summary>The last value.</summary>
    Last,
    /// <summary>The values of the last season.</summary>
    Season,
}

/// <summary>The sizes of a forecasting model's inputs and outputs.</summary>
/// <param name="Context">The number of steps that it sees.</param>
/// <param name="Horizon">The number of steps that it forecasts.</param>
/// <param name="Season">The length of a season, in steps.</param>
public readonly record struct SeriesShape(int Context, int Horizon, int Season)
{
    /// <summary>The sizes that a data config implies.</summary>
    public static SeriesShape Of(SeriesDataConfig data) => new(data.Context, data.Horizon, data.Season);
}

/// <summary>The part that all time-series models share: patches, their positions, and a stack of blocks.</summary>
public sealed class PatchStack : nn.Module
{
    readonly int patch, stride;
    readonly bool causal;
    [ComponentName(Name = "patch_emb")]
    readonly Linear patches;
    [ComponentName(Name = "pos_emb")]
    readonly Positions positions;
    readonly Dropout dropout;
    readonly ModuleList<Block> blocks;
    readonly Norm? norm;

    /// <summary>Creates a stack; the model that contains it initialises the weights.</summary>
    /// <param name="steps">The number of steps L of a series.</param>
    /// <param name="causal">Whether a patch attends only to earlier ones.</param>
    /// <exception cref="UserException">The patches do not cover the steps.</exception>
    public PatchStack(SeriesModelConfig config, int steps, bool causal = false) : base(nameof(PatchStack))
    {
        (patch, stride, this.causal) = (config.Patch, config.Step, causal);
        if (patch > steps || (steps - patch) % stride != 0)
            throw new UserException($"model.patch ({patch}) and a stride of {stride} must cover the {steps} steps that the model sees to the last one");
        Count = config.PatchesOf(steps);
        patches = new Linear(2 * patch, config.Width);
        positions = Positions.Create(config.Positions, Count, config.Width, config.Heads);
        dropout = new Dropout(config.Dropout);
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new Block(
            new Attention(config.Width, config.Heads, dropout: config.InnerDropout),
            new FeedForward(config.FeedForward, config.Width, dropout: config.InnerDropout),
            () => new Residual(config.Norm, config.Width, dropout: config.Dropout))).ToArray());
        norm = config.Norm.Placement == NormPlacement.Pre ? new Norm(config.Norm, config.Width) : null;
        RegisterComponents();
    }

    /// <summary>The number of patches N.</summary>
    public int Count { get; }

    /// <summary>The first step of each patch.</summary>
    internal IEnumerable<int> Steps => Enumerable.Range(0, Count).Select(n => n * stride);

    /// <summary>A vector for each patch. A missing value counts as 0, regardless of what is stored for it, and its mask is part of the patch.</summary>
    /// <param name="values">[B, L], normalised.</param>
    /// <param name="observed">[B, L]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N, D].</returns>
    public Tensor forward(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var x = cat([Visible(values, observed).unfold(1, patch, stride), observed.unfold(1, patch, stride)], -1);   // [B, N, 2P]
        x = dropout.forward(positions.Embed(patches.call(x), 0), random);                                           // [B, N, D]
        foreach (var block in blocks)
            x = block.forward(x, new AttentionInput(positions, Causal: causal, Recorder: recorder, Random: random));
        return norm is null ? x : norm.call(x);
    }

    internal static Tensor Visible(Tensor values, Tensor observed) => values.masked_fill(observed.eq(Scalars.Zero), Scalars.Zero);
}

/// <summary>A network that forecasts series.</summary>
public abstract class SeriesModel : nn.Module
{
    const string Shifts = "calibration";

    readonly ForecastBaseline baseline;

    /// <summary>Creates a network.</summary>
    private protected SeriesModel(string name, ForecasterConfig config, SeriesShape shape) : base(name)
    {
        (Shape, Quantiles, baseline) = (shape, config.Quantiles, config.Baseline);
        if (config.Calibration is not null) register_buffer(Shifts, zeros(shape.Horizon, config.Quantiles.Count));
    }

    /// <summary>Creates the network that a config describes, with freshly initialised weights.</summary>
    /// <param name="shape">The lengths of context, horizon and season.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The patches do not fit the context.</exception>
    public static SeriesModel Create(ForecasterConfig config, SeriesShape shape, Generator? generator = null) => config switch
    {
        PatchTstConfig encoder => new PatchTst(encoder, shape, generator),
        SeriesDecoderConfig decoder => new SeriesDecoder(decoder, shape, generator),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a time-series model without a class"),
    };

    /// <summary>The sizes of inputs and outputs.</summary>
    public SeriesShape Shape { get; }

    /// <summary>The probabilities of the Q quantiles.</summary>
    public IReadOnlyList<double> Quantiles { get; }

    /// <summary>The shift of each quantile of each step, [H, Q], normalised; null if the quantiles are not calibrated.</summary>
    public Tensor? Calibration => get_buffer(Shifts);

    /// <summary>The first step of each patch.</summary>
    internal abstract IEnumerable<int> PatchSteps { get; }

    /// <summary>The number of outputs per forecast step: the mean and the quantiles.</summary>
    private protected int Outputs => 1 + Quantiles.Count;

    /// <summary>The final forecast, with its quantiles calibrated and in ascending order.</summary>
    /// <remarks>Predicted quantiles may cross; sorting them never makes them worse (Chernozhukov et al. 2010).</remarks>
    /// <param name="forecast">[B, H, 1 + Q].</param>
    /// <returns>[B, H, 1 + Q].</returns>
    public Tensor Finish(Tensor forecast)
    {
        var quantiles = forecast.narrow(-1, 1, Quantiles.Count).sort(-1).Values;                               // [B, H, Q]
        if (Calibration is { } shifts) quantiles = quantiles.Plus(shifts).sort(-1).Values;
        return cat([forecast.narrow(-1, 0, 1), quantiles], -1);
    }

    /// <summary>Forecasts.</summary>
    /// <param name="values">[B, L], normalised; arbitrary where a value is missing.</param>
    /// <param name="observed">[B, L]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, H, 1 + Q]: the mean, then the quantiles, in 32 bits.</returns>
    public abstract Tensor Forecast(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default);

    /// <summary>Forecasts, and computes the loss.</summary>
    /// <param name="values">[B, L].</param>
    /// <param name="observed">[B, L].</param>
    /// <param name="target">[B, H], normalised.</param>
    /// <param name="known">[B, H]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>The sum of the losses over all known steps, and the forecast, [B, H, 1 + Q].</returns>
    public virtual (LossSum Loss, Tensor Forecast) Loss(Tensor values, Tensor observed, Tensor target, Tensor known, RandomPosition random = default)
    {
        var forecast = Forecast(values, observed, random: random);
        var loss = LossOf(forecast, target, known).sum();
        return (new LossSum(loss, loss.detach()), forecast);
    }

    /// <summary>The loss of each step: half the squared error of the mean, and the mean of the quantiles' losses.</summary>
    /// <remarks>Koenker and Bassett 1978: for a quantile of probability q, an error e has the loss max(q·e, (q - 1)·e).</remarks>
    /// <param name="forecast">[…, H, 1 + Q].</param>
    /// <param name="target">[…, H].</param>
    /// <param name="known">[…, H].</param>
    /// <returns>[…, H]; 0 where the target is unknown.</returns>
    public Tensor LossOf(Tensor forecast, Tensor target, Tensor known)
    {
        var error = target.unsqueeze(-1) - forecast;                                                            // [..., H, 1 + Q]
        var ofMean = error.select(-1, 0);
        var squared = ofMean * ofMean / Scalars.Of(2);
        var probabilities = tensor(Quantiles.Select(q => (float)q).ToArray(), device: forecast.device);           // [Q]
        var others = error.narrow(-1, 1, Quantiles.Count);
        var pinball = maximum(others * probabilities, others * (probabilities - Scalars.One)).mean([-1L]);
        return squared.Plus(pinball).masked_fill(known.eq(Scalars.Zero), Scalars.Zero);
    }

    /// <summary>Adds the simple forecast that the network corrects.</summary>
    /// <param name="output">[B, n, H, 1 + Q]: n forecasts of each series.</param>
    /// <param name="visible">[B, L], 0 where a value is missing.</param>
    /// <param name="ends">The n steps at which the forecasts start.</param>
    /// <returns>[B, n, H, 1 + Q].</returns>
    private protected Tensor AddBaseline(Tensor output, Tensor visible, params IReadOnlyList<int> ends)
    {
        if (baseline == ForecastBaseline.Mean) return output;
        var steps = ends.SelectMany(end => Enumerable.Range(0, Shape.Horizon).Select(h => (long)StepBefore(end, h))).ToArray();
        return output.Plus(visible.index_select(1, tensor(steps, device: visible.device)).view(-1, ends.Count, Shape.Horizon, 1));
    }

    // The step whose value is the simple forecast: the last one, or the last one in the same phase of the season.
    int StepBefore(int end, int h)
    {
        var season = baseline == ForecastBaseline.Last ? 1 : Math.Min(Shape.Season, end);
        return end - season + h % season;
    }

    /// <summary>The steps of the context whose values are the simple forecast, [H]; null for the mean, which is 0 in normalised values.</summary>
    internal IReadOnlyList<int>? BaselineSteps =>
        baseline == ForecastBaseline.Mean ? null : [.. Enumerable.Range(0, Shape.Horizon).Select(h => StepBefore(Shape.Context, h))];
}
