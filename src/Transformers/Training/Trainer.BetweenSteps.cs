using Transformers.Checkpoints;
using static TorchSharp.torch;

namespace Transformers.Training;

// What happens between steps: validation, which processes divide, saving, restoring, and the handling of bad steps.
public sealed partial class Trainer
{
    void Save(bool background) => WithSnapshot(snapshot => outputs!.Save(snapshot, background));

    void SaveBest() => WithSnapshot(snapshot => outputs!.SaveBest(snapshot));

    // The parts of a sharded optimizer's state are gathered; the first process writes.
    void WithSnapshot(Action<TrainerSnapshot> save)
    {
        using var scope = NewDisposeScope();
        var optimizer = Optimizer.CollectState();
        if (outputs is not null) save(new(State with { OptimizerSteps = Optimizer.Steps, Sampler = task.SamplerState, MicroPieces = task.Micro.Pieces }, Weights, optimizer, Ema?.State,
            LastValidation?.Step == State.Step ? LastValidation : null));
    }

    IEnumerable<(string, Tensor)> Weights => task.Model.state_dict().Select(named => (named.Key, named.Value));

    /// <summary>Copies the first process's state and tensors to all processes; collective.</summary>
    public void Share()
    {
        if (task.Processes.IsAlone) return;
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        var (state, validation, steps, sampler, pieces) = task.Processes.Broadcast(new SharedState(State, LastValidation, Optimizer.Steps, task.SamplerState, task.Micro.Pieces));
        if (!task.Processes.IsFirst)
        {
            (State, LastValidation, Optimizer.Steps) = (state, validation, steps);
            task.Micro = task.Micro with { Pieces = pieces };
            task.SamplerState = sampler;
        }
        var optimizer = restored ?? Optimizer.NewState();
        restored = null;
        foreach (var (_, tensor) in Weights.Concat(optimizer).Concat(Ema?.State ?? [])) task.Processes.Broadcast(tensor);
        Optimizer.TakeState(optimizer);
    }

    // A sharded optimizer's state that the first process has read, until it is distributed.
    IReadOnlyList<(string Name, Tensor Tensor)>? restored;

    sealed record SharedState(TrainerState State, ValidationReport? Validation, long OptimizerSteps, IReadOnlyDictionary<string, long> Sampler, int MicroPieces);

    /// <summary>Restores the trainer's state from a checkpoint.</summary>
    /// <exception cref="CheckpointException">The checkpoint's tensors do not match, or it is damaged.</exception>
    public void Restore(Checkpoint checkpoint, TrainerState state)
    {
        checkpoint.Fill(CheckpointFiles.Model, Weights);
        restored = Optimizer.NewState();
        checkpoint.Fill(CheckpointFiles.Optimizer, restored,
            "the optimizer's kind or momentum, or what training.freeze freezes, has changed since: change it back, or start another run from these weights with --run and --from");
        if (Ema is not null && checkpoint.Has(CheckpointFiles.Average)) checkpoint.Fill(CheckpointFiles.Average, Ema.State);
        else if (Ema is not null)
        {
            Ema.Restart();
            observer.Warn("the checkpoint has no moving average: it starts at the saved weights");
        }
        Optimizer.Steps = state.OptimizerSteps;
        State = state;
        if (LastValidation?.Step != state.Step) LastValidation = TrainerOutputs.ValidationOf(checkpoint, state);
        // With different micro-batches, sums would round differently.
        if (config.Batch.Fit) task.Micro = task.Micro with { Pieces = state.MicroPieces };
        task.SamplerState = state.Sampler;
    }

    // Acts on a bad step. False if the run has rolled back to an earlier step.
    bool HandleBadStep(BadStep bad)
    {
        var (action, reason) = divergence.Decide(bad, State);
        if (action == DivergenceAction.Skip)
        {
            State = State with { SkippedSteps = State.SkippedSteps + 1 };
            outputs?.Log(bad.Step, "skip", ("loss", bad.Loss), ("gradient_norm", bad.GradientNorm), ("skipped_steps", State.SkippedSteps));
            observer.Warn($"skipped a step, {State.SkippedSteps} of at most {divergence.Limit}: {bad}");
            return true;
        }
        var good = outputs?.NewestBefore(bad.Step - 1);
        if (action == DivergenceAction.Stop || task.Processes.Broadcast(good?.Step) is not { } goodStep) throw DivergencePolicy.Diverged(bad, reason, good);
        var (count, position) = (State.RollBacks + 1, task.SamplerState);
        if (good is not null) Restore(good, good.ReadState().Trainer);
        Share();
        copies?.Refresh();
        task.SamplerState = position;
        State = State with { RollBacks = count };
        outputs?.RollBackTo(goodStep);
        Save(background: false);
        outputs?.Log(goodStep, "roll_back", ("loss", bad.Loss), ("gradient_norm", bad.GradientNorm), ("from_step", bad.Step), ("roll_backs", count));
        observer.Warn($"rolled back to step {goodStep}, {count} of at most {divergence.Limit} times: {bad}");
        return false;
    }

    /// <summary>The mean loss of a split, without gradients and dropout; processes divide the batches, and all get the same
    /// result.</summary>
    public (double loss, long targets) Evaluate(IEnumerable<MicroBatch> batches)
    {
        using var inference = no_grad();
        task.Model.eval();
        double sum = 0;
        long targets = 0;
        // One batch per process at a time, added in order, so that the sum is the same as with one process.
        var round = new double[2 * task.Processes.Size];
        var turn = 0;
        foreach (var batch in batches)
        {
            if (turn == 0) agreement.ThrowIfStopped();
            if (turn == task.Processes.Rank)
            {
                using var scope = NewDisposeScope();
                (round[2 * turn], round[2 * turn + 1]) = (batch.LossSum().CrossEntropy.to(ScalarType.Float64).item<double>(), batch.Targets);
            }
            if (++turn == task.Processes.Size) AddRound();
        }
        if (turn > 0) AddRound();
        task.Model.train();
        return (targets == 0 ? double.NaN : sum / targets, targets);

        void AddRound()
        {
            agreement.Add(round);
            for (var i = 0; i < round.Length; i += 2) (sum, targets) = (sum + round[i], targets + (long)round[i + 1]);
            Array.Clear(round);
            turn = 0;
            agreement.Meet();
        }
    }

    void Validate(long step, bool whole)
    {
        var started = Stopwatch.GetTimestamp();
        using var averaged = SwapAverage();
        // A loss over the whole split is not comparable with the earlier ones if those are over a part of it.
        double? compared = whole && config.Validate.Batches is { } part ? Evaluate(task.Validation(part)).loss : null;
        var (loss, targets) = Evaluate(task.Validation(whole ? null : config.Validate.Batches));
        if (targets == 0) return;
        var metrics = new Dictionary<string, double>(task.DerivedMetrics(loss));
        using (no_grad())
        {
            task.Model.eval();
            // Processes that measure together must fail together, so an exception ends all of them.
            if (!task.Processes.IsAlone) Measure();
            else Showing.Try("the metrics other than the loss", observer, stop, Measure);
            if (task.Processes.IsFirst)
            {
                Showing.Try("the pictures", observer, stop, () => observer.OnPictures(step, task.Pictures()));
                Showing.Try("the histograms of weights", observer, stop, () => observer.OnWeights(step, task.Model));
            }
            task.Model.train();
        }
        State = State.Validated(step, compared ?? loss, out var best);
        var report = new ValidationReport(step, loss, targets, metrics, best, Stopwatch.GetElapsedTime(started).TotalSeconds) { Compared = compared };
        LastValidation = report;
        outputs?.Log(step, "val", [("loss", loss), .. metrics.Select(metric => (metric.Key, metric.Value))]);
        observer.OnValidation(report);

        void Measure()
        {
            foreach (var (name, value) in task.Metrics(whole, agreement.Token)) metrics[name] = value;
        }
    }
}

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
            ? $"The checkpoint of step {good.Step} is good: lower training.optimizer.lr, or raise training.schedule.warmup, and resume from it with --resume={good.Folder}"
            : "There is no checkpoint from before the divergence: lower training.optimizer.lr, or raise training.schedule.warmup, and start again";
        return new($"training diverged: {bad}{reason}. {remedy}");
    }
}
