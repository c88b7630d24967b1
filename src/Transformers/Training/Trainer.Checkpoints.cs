using Transformers.Checkpoints;

namespace Transformers.Training;

// Saving, restoring, and what becomes of a run at a bad step.
public sealed partial class Trainer
{
    void Save(bool background) => outputs.Save(Snapshot(), background);

    TrainerSnapshot Snapshot() => new(
        State with { OptimizerSteps = Optimizer.Steps, Sampler = task.SamplerState, MicroPieces = task.Micro.Pieces },
        task.Model.state_dict().Select(named => (named.Key, named.Value)), Optimizer.State, Ema?.State, LastValidation?.Step == State.Step ? LastValidation : null);

    /// <summary>Sets the trainer to where a checkpoint was saved.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="state">Its state.</param>
    /// <exception cref="CheckpointException">The checkpoint's tensors do not fit, or it is damaged.</exception>
    public void Restore(Checkpoint checkpoint, TrainerState state)
    {
        checkpoint.Fill(CheckpointFiles.Model, task.Model.state_dict().Select(named => (named.Key, named.Value)));
        checkpoint.Fill(CheckpointFiles.Optimizer, Optimizer.State,
            "the optimizer's kind or momentum, or what training.freeze holds still, has changed since: put it back, or start another run from these weights with --run and --from");
        if (Ema is not null && checkpoint.Has(CheckpointFiles.Average)) checkpoint.Fill(CheckpointFiles.Average, Ema.State);
        else if (Ema is not null)
        {
            Ema.Restart();
            observer.Warn("the checkpoint has no moving average: it starts at the saved weights");
        }
        Optimizer.Steps = state.OptimizerSteps;
        State = state;
        if (LastValidation?.Step != state.Step) LastValidation = TrainerOutputs.ValidationOf(checkpoint, state);
        // Sums over other micro-batches would round differently.
        if (config.Batch.Fit) task.Micro = task.Micro with { Pieces = state.MicroPieces };
        task.SamplerState = state.Sampler;
    }

    // Acts on a bad step. False where the run is at an earlier step now.
    bool GoOn(BadStep bad)
    {
        var (action, reason) = divergence.Decide(bad, State);
        if (action == DivergenceAction.Skip)
        {
            State = State with { SkippedSteps = State.SkippedSteps + 1 };
            outputs.Log(bad.Step, "skip", ("loss", bad.Loss), ("gradient_norm", bad.GradientNorm), ("skipped_steps", State.SkippedSteps));
            observer.Warn($"skipped a step, {State.SkippedSteps} of at most {divergence.Limit}: {bad}");
            return true;
        }
        var good = outputs.NewestBefore(bad.Step - 1);
        if (action == DivergenceAction.Stop || good is null) throw DivergencePolicy.Diverged(bad, reason, good);
        var (count, position) = (State.RollBacks + 1, task.SamplerState);
        Restore(good, good.ReadState().Trainer);
        task.SamplerState = position;
        State = State with { RollBacks = count };
        outputs.RollBackTo(good.Step);
        Save(background: false);
        outputs.Log(good.Step, "roll_back", ("loss", bad.Loss), ("gradient_norm", bad.GradientNorm), ("from_step", bad.Step), ("roll_backs", count));
        observer.Warn($"went back to step {good.Step}, {count} of at most {divergence.Limit} times: {bad}");
        return false;
    }
}
