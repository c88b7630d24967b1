using Transformers.Configs;

namespace Transformers.Training;

/// <summary>How a network is trained.</summary>
public sealed record TrainingConfig : IChecked
{
    /// <summary>The number of optimizer steps.</summary>
    [Between(1, 1_000_000_000)]
    public required int Steps { get; init; }

    /// <summary>The size of a step's batch.</summary>
    public required BatchConfig Batch { get; init; }

    /// <summary>The optimizer.</summary>
    public required OptimizerConfig Optimizer { get; init; }

    /// <summary>How the learning rate changes with the step.</summary>
    public ScheduleConfig Schedule { get; init; } = new ConstantScheduleConfig();

    /// <summary>The maximum norm of the gradient; larger gradients are scaled down to it. 0 turns this off.</summary>
    [AtLeast(0)]
    public double Clip { get; init; } = 1;

    /// <summary>The number format of matrix products.</summary>
    public Precision Precision { get; init; }

    /// <summary>When the model is validated, and on how much data.</summary>
    public ValidateConfig Validate { get; init; } = new();

    /// <summary>When checkpoints are saved, and how many are kept.</summary>
    public CheckpointConfig Checkpoint { get; init; } = new();

    /// <summary>How often metrics are written.</summary>
    public LogConfig Log { get; init; } = new();

    /// <summary>Samples that the model generates during training.</summary>
    public SampleConfig Sample { get; init; } = new();

    /// <summary>The fraction of the target's probability that is spread over all tokens or classes during training; reported losses do not include it. A model of kind vilbert uses it for answers only; a forecast has no such target.</summary>
    [Between(0, 1, Below = true)]
    public double LabelSmoothing { get; init; }

    /// <summary>Parameters that are frozen, by name; <c>*</c> matches any text: <c>[encoder.tok_emb.*, encoder.blocks.0.*]</c>.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Freeze { get; init; }

    /// <summary>What happens when a loss or a gradient is not finite.</summary>
    public DivergenceConfig Divergence { get; init; } = new StopAtDivergenceConfig();

    /// <summary>Whether each of several processes keeps the optimizer's state for only a part of the parameters (ZeRO, stage 1): less memory, the same weights. Checkpoints are the same, and can be resumed with any number of processes.</summary>
    public bool ShardOptimizer { get; init; }

    /// <summary>A moving average of the weights, which is then validated and saved instead of the weights themselves; none by default.</summary>
    public EmaConfig? Ema { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Schedule.Warmup <= Steps, "schedule.warmup", $"({Schedule.Warmup}) must be at most {check.At("steps")} ({Steps})");
        check.That(Divergence is not RollBackAtDivergenceConfig || Checkpoint.Keep >= 2, "checkpoint.keep",
            $"({Checkpoint.Keep}) must be at least 2 where {check.At("divergence.kind")} is roll_back: the newest one may already be affected");
        var finalLr = Schedule switch
        {
            CosineScheduleConfig cosine => cosine.FinalLr,
            LinearScheduleConfig linear => linear.FinalLr,
            WsdScheduleConfig wsd => wsd.FinalLr,
            _ => 0,
        };
        check.That(finalLr <= Optimizer.Lr, "schedule.final_lr", FormattableString.Invariant($"({finalLr}) must be at most {check.At("optimizer.lr")} ({Optimizer.Lr})"));
        if (Schedule is WsdScheduleConfig { Decay: var decay, Warmup: var warmup })
            check.That(warmup + decay * Steps <= Steps, "schedule.decay",
                FormattableString.Invariant($"({decay} of {Steps} steps) and {check.At("schedule.warmup")} ({warmup}) must not overlap"));
    }
}

/// <summary>The batch of one optimizer step, over all processes: a number of tokens or a number of sequences.</summary>
public sealed record BatchConfig : IChecked
{
    // The tokens of a batch are in one array.
    internal const int LargestTokens = 1_000_000_000;

    /// <summary>Tokens per step. Texts of different lengths are padded to the longest of a batch, and padding counts; for pairs, the longer side counts, so that a step has fewer target tokens.</summary>
    [Between(1, LargestTokens)]
    public int? Tokens { get; init; }

    /// <summary>Sequences (or images) per step.</summary>
    [Between(1, 100_000_000)]
    public int? Sequences { get; init; }

    /// <summary>Sequences per forward pass; the step's gradient is accumulated over as many passes as needed. By default all at once.</summary>
    [AtLeast(1)]
    public int? Micro { get; init; }

    /// <summary>The number of examples per step, for data that are counted in examples.</summary>
    /// <param name="examples">What they are, such as <c>images</c>.</param>
    /// <exception cref="UserException">They are not given.</exception>
    internal int RowsOf(string examples) => Sequences ?? throw new UserException($"training.batch.sequences must be given for {examples}");

    /// <summary>Whether to halve micro-batches until training fits in the device's memory; the batch of a step stays the same.</summary>
    public bool Fit { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Tokens is not null || Sequences is not null, "tokens", $"or {check.At("sequences")} must be given", "for example tokens: 4096");
        check.That(Tokens is null || Sequences is null, "sequences", $"({Sequences}) and {check.At("tokens")} ({Tokens}) must not both be given",
            $"keep one of them; where the config below has tokens, {check.At("tokens")}=null on the command line, or tokens: null in the file, removes them");
        if (Sequences is { } sequences && Micro is { } micro)
            check.That(micro <= sequences, "micro", $"({micro}) must be at most {check.At("sequences")} ({sequences})");
    }
}

/// <summary>When the model is validated, and on how much data.</summary>
public sealed record ValidateConfig
{
    /// <summary>Steps between two validations; the last step always validates on the whole split.</summary>
    [AtLeast(1)]
    public int Every { get; init; } = 250;

    /// <summary>Batches per intermediate validation; by default the whole split. The last step validates on both, so that the best is chosen by the same batches.</summary>
    [AtLeast(1)]
    public int? Batches { get; init; }

    /// <summary>Sentences that an intermediate validation translates, for BLEU and chrF; the last step translates the whole split. 0 for none.</summary>
    [AtLeast(0)]
    public int Sentences { get; init; } = 200;

    /// <summary>Stop after this many validations without a better one; by default never.</summary>
    [AtLeast(1)]
    public int? Patience { get; init; }

    /// <summary>The criterion for the best validation.</summary>
    public ValidationMetric Metric { get; init; }
}

/// <summary>Criteria for the best validation.</summary>
public enum ValidationMetric
{
    /// <summary>The validation loss; lower is better.</summary>
    Loss,
}

/// <summary>When checkpoints are saved, and how many are kept.</summary>
public sealed record CheckpointConfig
{
    /// <summary>Steps between two checkpoints; the last step always saves one.</summary>
    [AtLeast(1)]
    public int Every { get; init; } = 1000;

    /// <summary>How many of the latest checkpoints to keep.</summary>
    [AtLeast(1)]
    public int Keep { get; init; } = 2;

    /// <summary>Whether a validation that is better than all previous ones saves a checkpoint, which is kept in addition to the latest.</summary>
    public bool Best { get; init; } = true;
}

/// <summary>How often metrics are written.</summary>
public sealed record LogConfig
{
    /// <summary>Steps between two lines of metrics.</summary>
    [AtLeast(1)]
    public int Every { get; init; } = 10;
}

/// <summary>Samples that the model generates during training.</summary>
public sealed record SampleConfig
{
    /// <summary>The prompts to continue; by default one sample without a prompt.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>Steps between two rounds of samples; by default only at the end.</summary>
    [AtLeast(1)]
    public int? Every { get; init; }

    /// <summary>Tokens per sample; 0 for no samples.</summary>
    [Between(0, 1_000_000)]
    public int Tokens { get; init; } = 100;
}

/// <summary>What happens when a step's loss or gradient is not finite.</summary>
public abstract record DivergenceConfig;

/// <summary>The run ends and names its last good checkpoint.</summary>
[Kind("stop")]
public sealed record StopAtDivergenceConfig : DivergenceConfig;

/// <summary>The step's gradients are discarded and the run continues with the next data.</summary>
[Kind("skip")]
public sealed record SkipBadStepsConfig : DivergenceConfig
{
    /// <summary>How many steps of the run may be skipped; one more ends it.</summary>
    [Between(1, 1_000_000)]
    public int Limit { get; init; } = 10;
}

/// <summary>The run returns to its last good checkpoint and continues from there with the data after the bad step.</summary>
[Kind("roll_back")]
public sealed record RollBackAtDivergenceConfig : DivergenceConfig
{
    /// <summary>How often the run may roll back; one more time ends it.</summary>
    [Between(1, 1_000_000)]
    public int Limit { get; init; } = 3;
}

/// <summary>A moving average of the weights.</summary>
public sealed record EmaConfig
{
    /// <summary>The fraction of the average that each step keeps.</summary>
    [Between(0, 1, Below = true)]
    public double Decay { get; init; } = 0.999;
}
