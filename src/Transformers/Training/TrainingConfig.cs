using Transformers.Configs;

namespace Transformers.Training;

/// <summary>How a network is trained.</summary>
public sealed record TrainingConfig : IChecked
{
    /// <summary>The number of optimizer steps.</summary>
    [Between(1, 1_000_000_000)]
    public required int Steps { get; init; }

    /// <summary>How much one step learns from.</summary>
    public required BatchConfig Batch { get; init; }

    /// <summary>The optimizer.</summary>
    public required OptimizerConfig Optimizer { get; init; }

    /// <summary>How the learning rate changes with the step.</summary>
    public ScheduleConfig Schedule { get; init; } = new ConstantSchedule();

    /// <summary>The largest norm of the gradient, to which larger ones are scaled; 0 leaves them.</summary>
    [AtLeast(0)]
    public double Clip { get; init; } = 1;

    /// <summary>The number format in which matrices are multiplied.</summary>
    public Precision Precision { get; init; }

    /// <summary>When and on how much the model is validated.</summary>
    public ValidateConfig Validate { get; init; } = new();

    /// <summary>When the state is saved, and how much of it is kept.</summary>
    public CheckpointConfig Checkpoint { get; init; } = new();

    /// <summary>How often metrics are written.</summary>
    public LogConfig Log { get; init; } = new();

    /// <summary>What the model generates on the way.</summary>
    public SampleConfig Sample { get; init; } = new();

    /// <summary>The share of the target's probability that is spread over the whole vocabulary while training; reported losses are without it.</summary>
    [Between(0, 1, Below = true)]
    public double LabelSmoothing { get; init; }

    /// <summary>Parameters that are held still, by name; <c>*</c> stands for any text: <c>[encoder.tokens.*, encoder.blocks.0.*]</c>.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Freeze { get; init; }

    /// <summary>What becomes of the run when a loss or a gradient is not a number.</summary>
    public DivergenceConfig Divergence { get; init; } = new StopAtDivergence();

    /// <summary>A moving average of the weights, which is then what is validated and saved; none where this is not given.</summary>
    public EmaConfig? Ema { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Schedule.Warmup <= Steps, "schedule.warmup", $"({Schedule.Warmup}) must be at most {check.At("steps")} ({Steps})");
        check.That(Divergence is not RollBackAtDivergence || Checkpoint.Keep >= 2, "checkpoint.keep",
            $"({Checkpoint.Keep}) must be at least 2 where {check.At("divergence.kind")} is roll_back: the newest one may hold the trouble already");
        var finalLr = Schedule switch
        {
            CosineSchedule cosine => cosine.FinalLr,
            LinearSchedule linear => linear.FinalLr,
            WsdSchedule wsd => wsd.FinalLr,
            _ => 0,
        };
        check.That(finalLr <= Optimizer.Lr, "schedule.final_lr", FormattableString.Invariant($"({finalLr}) must be at most {check.At("optimizer.lr")} ({Optimizer.Lr})"));
        if (Schedule is WsdSchedule { Decay: var decay, Warmup: var warmup })
            check.That(warmup + decay * Steps <= Steps, "schedule.decay",
                FormattableString.Invariant($"({decay} of {Steps} steps) and {check.At("schedule.warmup")} ({warmup}) must not overlap"));
    }
}
