using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Series;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A network over series of numbers, cut into patches.</summary>
public abstract record SeriesModelConfig : ModelConfig
{
    /// <summary>Steps of a patch P.</summary>
    [Between(1, 100_000)]
    public required int Patch { get; init; }

    /// <summary>The number of blocks L.</summary>
    [Between(1, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>How the model encodes the positions of patches.</summary>
    public PositionsConfig Positions { get; init; } = new LearnedPositionsConfig();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig();

    /// <summary>The dropout rate of embeddings, of each sublayer's output and before the last layer.</summary>
    [Between(0, 1, Below = true)]
    public double Dropout { get; init; }

    /// <summary>The dropout rate of attention weights and of hidden feed-forward activations.</summary>
    [Between(0, 1, Below = true)]
    public double InnerDropout { get; init; }

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInitConfig();

    /// <summary>The patches of a context.</summary>
    internal abstract int PatchesOf(int context);

    /// <summary>Reports what does not fit together in every model of series.</summary>
    private protected virtual void CheckParts(ConfigCheck check)
    {
        LayerChecks.Check(check, Width, Heads, Positions);
        check.That(Positions is not (AlibiPositionsConfig or RelativePositionsConfig), "positions.kind", $"({KindAttribute.Of(Positions)}) must be learned, sinusoidal, rotary or none");
    }

    // Reports patches that leave steps at the end unseen.
    private protected void CheckCover(ConfigCheck check, int stride, int steps, string setting)
    {
        check.That(Patch <= steps, "model.patch", $"({Patch}) must be at most {setting} ({steps})");
        check.That(Patch > steps || (steps - Patch) % stride == 0, "model.patch",
            $"({Patch}) and a stride of {stride} must cover {setting} ({steps}) to its last step", $"for example {setting}={Patch + stride * Math.Max(1, (steps - Patch) / stride)}");
    }
}

/// <summary>A network that forecasts series.</summary>
public abstract record ForecasterConfig : SeriesModelConfig
{
    /// <summary>The probabilities of the quantiles that are forecast beside the mean, in rising order.</summary>
    [NotEmpty, Between(0.001, 0.999)]
    public IReadOnlyList<double> Quantiles { get; init; } = [0.1, 0.5, 0.9];

    /// <summary>How the quantiles are calibrated before the first step: on forecasts of networks that have not learned from what they forecast. By default they are not.</summary>
    public CalibrationConfig? Calibration { get; init; }

    /// <summary>The simple forecast that the network's output is added to.</summary>
    public ForecastBaseline Baseline { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "layers", "baseline", "calibration"];

    private protected override void CheckParts(ConfigCheck check)
    {
        base.CheckParts(check);
        check.That(Quantiles.Zip(Quantiles.Skip(1)).All(pair => pair.First < pair.Second), "quantiles", "must rise", "for example [0.1, 0.5, 0.9]");
    }
}

/// <summary>Networks like that of the run, each trained on less of the end of the training part, which forecast what follows.</summary>
/// <remarks>Each takes as long as the run itself. The ends of every band are then moved, for each step of the forecast, by a quantile of how far values were outside.</remarks>
public sealed record CalibrationConfig
{
    /// <summary>The number of networks K.</summary>
    [Between(1, 100)]
    public int Networks { get; init; } = 3;

    /// <summary>The windows S of every series that each network forecasts: the K·S latest ones of training are forecast, the earliest S by the first network, which is trained on what comes before them.</summary>
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

/// <summary>What goes into a model of series, and what comes out.</summary>
/// <param name="Context">Steps that it sees.</param>
/// <param name="Horizon">Steps that it forecasts.</param>
/// <param name="Season">Steps of a season.</param>
public readonly record struct SeriesShape(int Context, int Horizon, int Season)
{
    /// <summary>What data ask for.</summary>
    public static SeriesShape Of(SeriesDataConfig data) => new(data.Context, data.Horizon, data.Season);
}

/// <summary>The part that all networks over series share: patches, their positions, and a stack of blocks.</summary>
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

    /// <summary>A stack with fresh weights, which the model that it is part of draws.</summary>
    /// <param name="config">The network.</param>
    /// <param name="steps">Steps L of a series.</param>
    /// <param name="stride">Steps from one patch to the next.</param>
    /// <param name="causal">Whether a patch sees none after it.</param>
    /// <exception cref="UserException">The patches do not cover the steps.</exception>
    public PatchStack(SeriesModelConfig config, int steps, int stride, bool causal = false) : base(nameof(PatchStack))
    {
        if (config.Patch > steps || (steps - config.Patch) % stride != 0)
            throw new UserException($"model.patch ({config.Patch}) and a stride of {stride} must cover the {steps} steps that the model sees to the last one");
        (patch, this.stride, this.causal) = (config.Patch, stride, causal);
        Count = (steps - patch) / stride + 1;
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

    /// <summary>A vector for each patch. A missing value counts as 0, whatever is stored for it, and the patch sees that it is missing.</summary>
    /// <param name="values">[B, L], normalised.</param>
    /// <param name="observed">[B, L]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="recorder">Takes attention weights.</param>
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

    /// <summary>A network of a shape.</summary>
    private protected SeriesModel(string name, ForecasterConfig config, SeriesShape shape) : base(name)
    {
        (Shape, Quantiles, baseline) = (shape, config.Quantiles, config.Baseline);
        if (config.Calibration is not null) register_buffer(Shifts, zeros(shape.Horizon, config.Quantiles.Count));
    }

    /// <summary>The network that a config asks for, with fresh weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="shape">What it sees and forecasts.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The patches do not fit the context.</exception>
    public static SeriesModel Create(ForecasterConfig config, SeriesShape shape, Generator? generator = null) => config switch
    {
        PatchTstConfig encoder => new PatchTst(encoder, shape, generator),
        SeriesDecoderConfig decoder => new SeriesDecoder(decoder, shape, generator),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a network over series without a class"),
    };

    /// <summary>What goes in and what comes out.</summary>
    public SeriesShape Shape { get; }

    /// <summary>The probabilities of the Q quantiles.</summary>
    public IReadOnlyList<double> Quantiles { get; }

    /// <summary>By how much each quantile of each step is moved, [H, Q], normalised; null where the quantiles are not calibrated.</summary>
    public Tensor? Calibration => get_buffer(Shifts);

    /// <summary>The first step of each patch that attention is between.</summary>
    internal abstract IEnumerable<int> PatchSteps { get; }

    /// <summary>The numbers of a forecast step: the mean and the quantiles.</summary>
    private protected int Outputs => 1 + Quantiles.Count;

    /// <summary>A forecast as it is used: with its quantiles calibrated, and in rising order.</summary>
    /// <remarks>Quantiles may cross: sorted, they are at least as good (Chernozhukov et al. 2010).</remarks>
    /// <param name="forecast">[B, H, 1 + Q].</param>
    /// <returns>[B, H, 1 + Q].</returns>
    public Tensor Finish(Tensor forecast)
    {
        var quantiles = forecast.narrow(-1, 1, Quantiles.Count).sort(-1).Values;                               // [B, H, Q]
        if (Calibration is { } shifts) quantiles = quantiles.Plus(shifts).sort(-1).Values;
        return cat([forecast.narrow(-1, 0, 1), quantiles], -1);
    }

    /// <summary>Forecasts.</summary>
    /// <param name="values">[B, L], normalised; any number where a value is missing.</param>
    /// <param name="observed">[B, L]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="recorder">Takes attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, H, 1 + Q]: the mean, then the quantiles, in 32 bits.</returns>
    public abstract Tensor Forecast(Tensor values, Tensor observed, AttentionRecorder? recorder = null, RandomPosition random = default);

    /// <summary>Forecasts and compares.</summary>
    /// <param name="values">[B, L].</param>
    /// <param name="observed">[B, L].</param>
    /// <param name="target">[B, H], normalised.</param>
    /// <param name="known">[B, H]: 1 where there is a value, 0 where it is missing.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>The sum of the losses of all steps that are known, and the forecast, [B, H, 1 + Q].</returns>
    public virtual (LossSum Loss, Tensor Forecast) Loss(Tensor values, Tensor observed, Tensor target, Tensor known, RandomPosition random = default)
    {
        var forecast = Forecast(values, observed, random: random);
        var loss = LossOf(forecast, target, known).sum();
        return (new LossSum(loss, loss.detach()), forecast);
    }

    /// <summary>The loss of each step: half the squared error of the mean, and the mean of the quantiles' losses.</summary>
    /// <remarks>Koenker and Bassett 1978: an error e costs a quantile of probability q the greater of q·e and (q - 1)·e.</remarks>
    /// <param name="forecast">[…, H, 1 + Q].</param>
    /// <param name="target">[…, H].</param>
    /// <param name="known">[…, H].</param>
    /// <returns>[…, H]; 0 where the target is not known.</returns>
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
    /// <param name="ends">The n steps at which the forecasts begin.</param>
    /// <returns>[B, n, H, 1 + Q].</returns>
    private protected Tensor AddBaseline(Tensor output, Tensor visible, params IReadOnlyList<int> ends)
    {
        if (baseline == ForecastBaseline.Mean) return output;
        var steps = ends.SelectMany(end => Enumerable.Range(0, Shape.Horizon).Select(h => (long)StepBefore(end, h))).ToArray();
        return output.Plus(visible.index_select(1, tensor(steps, device: visible.device)).view(-1, ends.Count, Shape.Horizon, 1));
    }

    // The step whose value is the simple forecast: the last one, or the last of the same part of the season.
    int StepBefore(int end, int h)
    {
        var season = baseline == ForecastBaseline.Last ? 1 : Math.Min(Shape.Season, end);
        return end - season + h % season;
    }
}
