using Transformers.Checkpoints;

namespace Transformers.Training;

/// <summary>A step that cannot be used: its loss or its gradient is not a number.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="Loss">Its loss in nats per target.</param>
/// <param name="GradientNorm">The norm of its gradient.</param>
readonly record struct BadStep(long Step, double Loss, double GradientNorm)
{
    internal static bool Is(double loss, double norm) => !double.IsFinite(loss) || !double.IsFinite(norm);

    public override string ToString() => FormattableString.Invariant($"at step {Step} the loss is {Loss} and the gradient's norm {GradientNorm}");
}

/// <summary>What happens to a run at a bad step, whose gradients are discarded.</summary>
enum DivergenceAction
{
    /// <summary>The run ends.</summary>
    Stop,
    /// <summary>The step counts as done.</summary>
    Skip,
    /// <summary>The run goes back to the last good checkpoint.</summary>
    RollBack,
}

/// <summary>Decides what happens to a run at a bad step.</summary>
/// <param name="config">The settings.</param>
sealed class DivergencePolicy(DivergenceConfig config)
{
    readonly List<long> skipped = [];

    /// <summary>Whether a checkpoint is needed before the first step, so that the run can roll back to it.</summary>
    internal bool NeedsFirstCheckpoint => config is RollBackAtDivergenceConfig;

    /// <summary>How often the run may continue.</summary>
    internal int Limit => config switch { SkipBadStepsConfig skip => skip.Limit, RollBackAtDivergenceConfig back => back.Limit, _ => 0 };

    /// <summary>Decides.</summary>
    /// <returns>What to do, and why, if the run ends.</returns>
    internal (DivergenceAction Action, string Reason) Decide(BadStep bad, TrainerState state)
    {
        if (config is RollBackAtDivergenceConfig)
            return state.RollBacks < Limit ? (DivergenceAction.RollBack, ", and there is no checkpoint to go back to") : (DivergenceAction.Stop, $", and training.divergence.limit ({Limit}) is reached");
        if (config is not SkipBadStepsConfig) return (DivergenceAction.Stop, "");
        skipped.Add(bad.Step);
        return state.SkippedSteps < Limit ? (DivergenceAction.Skip, "")
            : (DivergenceAction.Stop, $", and training.divergence.limit ({Limit}) is reached with the steps {string.Join(", ", skipped.TakeLast(20))}");
    }

    /// <summary>The error that ends the run.</summary>
    /// <param name="good">The last good checkpoint: one after which a step was finite. The one directly before a bad step may contain the
    /// weights that caused it.</param>
    internal static DivergedException Diverged(BadStep bad, string reason, Checkpoint? good)
    {
        var remedy = good is not null
            ? $"The checkpoint of step {good.Step} is good: lower optimizer.lr, or raise schedule.warmup, and resume from it with --resume={good.Folder}"
            : "There is no checkpoint from before the divergence: lower optimizer.lr, or raise schedule.warmup, and start again";
        return new($"training diverged: {bad}{reason}. {remedy}");
    }
}
