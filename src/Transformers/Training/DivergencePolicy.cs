namespace Transformers.Training;

/// <summary>A step that cannot be learnt from: its loss or its gradient is not a number.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="Loss">Its loss, nats a target.</param>
/// <param name="GradientNorm">The norm of its gradient.</param>
readonly record struct BadStep(long Step, double Loss, double GradientNorm)
{
    internal static bool Is(double loss, double norm) => !double.IsFinite(loss) || !double.IsFinite(norm);

    public override string ToString() => FormattableString.Invariant($"at step {Step} the loss is {Loss} and the gradient's norm {GradientNorm}");
}

/// <summary>Decides what becomes of a run at a bad step.</summary>
/// <remarks>
/// A checkpoint is good once a later step came out as numbers: that of the step right before a bad one may hold the weights
/// that are the cause.
/// </remarks>
abstract class DivergencePolicy(TrainerOutputs outputs)
{
    /// <summary>What the run leaves: its checkpoints are what it can go back to.</summary>
    protected TrainerOutputs Outputs => outputs;

    internal static DivergencePolicy Of(DivergenceConfig config, TrainerOutputs outputs, ITrainingObserver observer) => config switch
    {
        StopAtDivergence => new Stop(outputs),
        SkipBadSteps skip => new Skip(skip.Limit, outputs, observer),
        RollBackAtDivergence back => new RollBack(back.Limit, outputs, observer),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a policy without a class"),
    };

    /// <summary>Before the first step of this process.</summary>
    internal virtual void Begin(Trainer trainer, TrainingTask task) { }

    /// <summary>Acts on a bad step, whose gradients are thrown away.</summary>
    /// <returns>True where the step counts as done; false where the run stands at an earlier one.</returns>
    /// <exception cref="DivergedException">The run ends.</exception>
    internal abstract bool GoesOn(BadStep bad, Trainer trainer, TrainingTask task);

    DivergedException Diverged(BadStep bad, string reason = "")
    {
        var remedy = outputs.NewestBefore(bad.Step - 1) is { } good
            ? $"The checkpoint of step {good.Step} is good: lower optimizer.lr, or raise schedule.warmup, and go on from it with --resume={good.Folder}"
            : "There is no checkpoint from before the trouble: lower optimizer.lr, or raise schedule.warmup, and start anew";
        return new($"training diverged: {bad}{reason}. {remedy}");
    }

    sealed class Stop(TrainerOutputs outputs) : DivergencePolicy(outputs)
    {
        internal override bool GoesOn(BadStep bad, Trainer trainer, TrainingTask task) => throw Diverged(bad);
    }

    sealed class Skip(int limit, TrainerOutputs outputs, ITrainingObserver observer) : DivergencePolicy(outputs)
    {
        readonly List<long> steps = [];

        internal override bool GoesOn(BadStep bad, Trainer trainer, TrainingTask task)
        {
            steps.Add(bad.Step);
            if (trainer.Progress.SkippedSteps >= limit)
                throw Diverged(bad, $", and training.divergence.limit ({limit}) is reached with the steps {string.Join(", ", steps.TakeLast(20))}");
            var count = ++trainer.Progress.SkippedSteps;
            Outputs.Log(bad.Step, "skip", ("loss", bad.Loss), ("gradient_norm", bad.GradientNorm), ("skipped_steps", count));
            observer.Warn($"skipped a step, {count} of at most {limit}: {bad}");
            return true;
        }
    }

    sealed class RollBack(int limit, TrainerOutputs outputs, ITrainingObserver observer) : DivergencePolicy(outputs)
    {
        // So that there is something to go back to from the first steps.
        internal override void Begin(Trainer trainer, TrainingTask task)
        {
            if (trainer.Progress.Step == 0) Outputs.Save(trainer, task, background: true);
        }

        internal override bool GoesOn(BadStep bad, Trainer trainer, TrainingTask task)
        {
            var progress = trainer.Progress;
            if (progress.RollBacks >= limit) throw Diverged(bad, $", and training.divergence.limit ({limit}) is reached");
            if (Outputs.NewestBefore(bad.Step - 1) is not { } good) throw Diverged(bad, ", and there is nothing to go back to");
            var (count, past) = (progress.RollBacks + 1, task.SamplerState);
            Outputs.RollBackTo(good, trainer, task, () =>
            {
                task.SamplerState = past;
                progress.RollBacks = count;
            });
            Outputs.Log(good.Step, "roll_back", ("loss", bad.Loss), ("gradient_norm", bad.GradientNorm), ("from_step", bad.Step), ("roll_backs", count));
            observer.Warn($"went back to step {good.Step}, {count} of at most {limit} times: {bad}");
            return false;
        }
    }
}
