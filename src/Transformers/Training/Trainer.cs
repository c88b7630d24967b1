using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The one training loop, for every kind of model.</summary>
public sealed partial class Trainer : IDisposable
{
    readonly TrainingTask task;
    readonly TrainingConfig config;
    readonly ulong seed;
    readonly Device device;
    readonly WeightCopies? copies;
    readonly StepWatch? watch;
    readonly StepThreads? threads;
    readonly BatchStatistics? statistics;
    readonly Schedule schedule;
    readonly TrainerOutputs? outputs;
    readonly ITrainingObserver observer;
    readonly StopRequest stop;
    readonly Agreement agreement;
    readonly DivergencePolicy divergence;

    /// <summary>Creates a trainer at the first step; <see cref="Restore"/> continues from a checkpoint.</summary>
    /// <param name="task">What is trained.</param>
    /// <param name="config">The settings.</param>
    /// <param name="seed">The seed of dropout.</param>
    /// <param name="width">The model's width D.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="device">The model's device.</param>
    /// <param name="outputs">Writes the run's files; null for all processes but the first.</param>
    /// <param name="observer">Is notified of progress.</param>
    /// <param name="stop">Ends the run.</param>
    /// <param name="processes">The processes that train together; by default one.</param>
    public Trainer(TrainingTask task, TrainingConfig config, ulong seed, int width, Precision precision, Device device, TrainerOutputs? outputs, ITrainingObserver observer, StopRequest stop, Communicator? processes = null)
    {
        this.task = task;
        task.Processes = processes ?? Communicator.Single;
        agreement = new Agreement(task.Processes, stop);
        this.config = config;
        this.seed = seed;
        this.device = device;
        Precisions.Apply(task.Model, precision);
        copies = WeightCopies.For(task.Model, device);
        // A CUDA device computes asynchronously; on a CPU, numbers are available immediately.
        watch = device.type == DeviceType.CPU ? null : new StepWatch();
        // The run's other processes on this machine would be counted as other programs.
        threads = device.type == DeviceType.CPU && task.Processes.IsAlone ? new StepThreads() : null;
        statistics = BatchStatistics.Of(task.Model, task.Processes);
        this.outputs = outputs;
        this.observer = observer;
        this.stop = stop;
        schedule = new Schedule(config.Schedule, config.Optimizer.Lr, config.Steps, width);
        Optimizer = Optimizer.Create(config.Optimizer, task.Model, new OptimizerTeam(task.Processes, config.ShardOptimizer));
        divergence = new DivergencePolicy(config.Divergence);
        Ema = config.Ema is { } ema ? new WeightAverage(task.Model, ema.Decay) : null;
    }

    /// <summary>The optimizer and its state.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The moving average of the weights, if there is one.</summary>
    public WeightAverage? Ema { get; }

    /// <summary>The progress of the run.</summary>
    public TrainerState State { get; private set; } = new();

    /// <summary>The last validation; null before one.</summary>
    public ValidationReport? LastValidation { get; private set; }

    /// <summary>Whether validation has not improved for as long as the config allows.</summary>
    public bool OutOfPatience => config.Validate.Patience is { } patience && State.ValidationsSinceBest >= patience;

    /// <summary>Whether a stop interrupted the last validation, or the work before the first step; the resumed run starts with
    /// it.</summary>
    public bool Interrupted { get; private set; }

    /// <summary>The device's measured peak, operations per second, for the reported utilisation; null for none.</summary>
    public double? PeakFlops { get; init; }

    /// <summary>Trains to the last step, or until it is asked to stop.</summary>
    /// <param name="lastStep">The step to end at; the schedule still runs to the config's.</param>
    /// <exception cref="DivergedException">A loss or gradient is not a number, and the config's policy does not continue from there.</exception>
    public void Run(long lastStep)
    {
        task.Model.train();
        DeviceMemory.TrimMemory(); // The memory for preparing the data is no longer needed.
        try
        {
            if (State.Step == 0) Begin();
            copies?.Refresh();
            agreement.Meet();
            if (State.ValidatedStep < State.Step && IsValidated(State.Step, lastStep)) Validate(State.Step, whole: State.Step == lastStep);
            Loop(lastStep);
        }
        catch (OperationCanceledException) when (stop.Reason is not null)
        {
            Interrupted = true;
        }
        Save(background: false);
    }

    void Begin()
    {
        task.Begin();
        Ema?.Restart();
        if (divergence.NeedsFirstCheckpoint) Save(background: true);
    }

    void Loop(long lastStep)
    {
        var meter = new Meter(config.Steps, task.Unit, device, PeakFlops);
        while (State.Step < lastStep && agreement.Reason is null && !OutOfPatience)
        {
            var step = State.Step + 1;
            var lr = schedule.At(step);
            var saves = step % config.Checkpoint.Every == 0 && step != lastStep;
            var reports = step % config.Log.Every == 0 || step == lastStep;
            if (TakeStep(step, lr, look: reports || saves || IsValidated(step, lastStep), meter) is not { } norm) continue;

            observer.OnStep(step, config.Steps);
            if (reports) Report(meter, step, lr, norm);
            if (IsValidated(step, lastStep)) Validate(step, whole: step == lastStep);
            if (config.Sample.Every is { } every && step % every == 0 && step != lastStep) Sample(step);
            if (agreement.TakeSave() || saves)
            {
                if (watch is not null && LookAt(meter) is null) continue;
                Save(background: true);
            }
            else if (config.Checkpoint.Best && step != lastStep && LastValidation is { IsBest: true } best && best.Step == step) SaveBest();
            outputs?.WriteBestInTime();
            // The memory for validation, sampling and saving is not needed until the next time.
            if (step % config.Validate.Every == 0) DeviceMemory.TrimMemory();
        }
        if (watch is not null) LookAt(meter);
    }

    bool IsValidated(long step, long lastStep) => step % config.Validate.Every == 0 || step == lastStep;

    // Takes a step and reads its loss and gradient norm: always on a CPU, on a device only if `look`. Returns the norm of the last step
    // that was read; null if the run has rolled back to an earlier step.
    double? TakeStep(long step, double lr, bool look, Meter meter)
    {
        using var scope = NewDisposeScope();
        var started = Stopwatch.GetTimestamp();
        var micro = task.NextStep();
        // Each process has its part of the batch; every target of the whole batch counts the same.
        Span<double> counts = [micro.Sum(batch => batch.Targets), micro.Sum(batch => batch.Units), micro.Sum(batch => batch.Flops)];
        agreement.Add(counts);
        var targets = Math.Max(1, (long)counts[0]);
        var losses = micro.Select((batch, i) => Backward(batch, targets, step, isLast: i == micro.Count - 1)).ToList();
        Optimizer.FinishExchange();
        var outcome = new StepOutcome(step, 0, 0, (long)counts[1], targets, counts[2]);
        if (watch is null)
        {
            outcome = outcome with { Loss = agreement.Meet(losses.Sum(loss => (double)loss.item<float>())), GradientNorm = Optimizer.GradientNorm() };
            if (outcome.Bad is null) Optimizer.Step(lr, config.Clip > 0 && outcome.GradientNorm > config.Clip ? config.Clip / outcome.GradientNorm : 1);
        }
        else
        {
            var (loss, norm) = (losses.Count == 0 ? zeros(1, device: device).sum() : stack(losses).sum(), Optimizer.DeviceGradientNorm());
            task.Processes.AllReduce(loss);
            agreement.Meet();
            Optimizer.StepWhereFinite(lr, config.Clip, norm, loss);
            watch.Add(outcome, loss, norm);
        }
        statistics?.Average(counts: micro.Count > 0);
        if (outcome.Bad is null)
        {
            Ema?.Update(step);
            copies?.Refresh();
        }
        Optimizer.ZeroGradients();
        if (watch is null && outcome.Bad is { } bad && !HandleBadStep(bad)) return null;
        if (watch is not null && look)
        {
            if (LookAt(meter) is not { } norm) return null;
            outcome = outcome with { GradientNorm = norm };
        }
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        State = State with { Step = State.Step + 1, Targets = State.Targets + (outcome.Bad is null ? targets : 0), Seconds = State.Seconds + seconds };
        if (watch is null && outcome.Bad is null) meter.Add(outcome.Loss);
        meter.AddTime(outcome.Units, outcome.Flops, seconds);
        threads?.Add(outcome.Units, seconds);
        return outcome.GradientNorm;
    }

    // Reads the numbers that are still on the device, so that no checkpoint contains unchecked weights. Bad steps changed nothing there.
    double? LookAt(Meter meter)
    {
        double norm = 0;
        foreach (var outcome in watch!.Look())
        {
            if (outcome.Bad is { } bad)
            {
                State = State with { Targets = State.Targets - outcome.Targets };
                if (!HandleBadStep(bad)) return null;
                continue;
            }
            norm = outcome.GradientNorm;
            meter.Add(outcome.Loss);
        }
        return norm;
    }

    /// <summary>Adds the gradients of a micro-batch.</summary>
    /// <param name="targets">The targets of the whole step: the loss of every target counts the same, however the batch is split.</param>
    /// <returns>Its part of the step's loss, a scalar in 32 bits on the model's device.</returns>
    /// <param name="isLast">Whether no other micro-batch of the step follows, so that gradients may be exchanged meanwhile.</param>
    internal Tensor Backward(MicroBatch batch, long targets, long step, bool isLast = false)
    {
        if (isLast) Optimizer.ExchangeDuringBackward();
        return Pass(batch, targets, new RandomPosition(seed, step, batch.FirstExample));
    }

    /// <summary>Runs the forward and backward pass of one micro-batch, which adds its part to the gradients of a step.</summary>
    /// <returns>Its part of the step's mean loss, without label smoothing: a scalar in 32 bits.</returns>
    internal static Tensor Pass(MicroBatch batch, long targets, RandomPosition random)
    {
        using var scope = NewDisposeScope();
        var sum = batch.LossSum(random);
        // A tensor, which the scope keeps alive: the garbage collector could free TorchSharp's Scalar while libtorch reads it.
        var count = tensor((float)targets);
        Gradients.Backward(sum.Objective / count);
        return (sum.CrossEntropy.detach() / count).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    void Report(Meter meter, long step, double lr, double norm)
    {
        if (meter.Report(step, lr, norm) is not { } report) return;
        State = State with { TrainLoss = report.Loss };
        outputs?.Log(step, "train", [("loss", report.Loss), ("lr", lr), ("gradient_norm", norm), ($"{task.Unit}_per_second", report.UnitsPerSecond), ("step_seconds", report.StepSeconds), ("memory_bytes", report.MemoryBytes),
            .. Optional("utilisation", report.Utilisation), .. Optional("other_cores", report.OtherCores),
            .. Optional("device_free_bytes", report.DeviceMemory?.Free), .. Optional("device_total_bytes", report.DeviceMemory?.Total), .. Optional("device_own_bytes", report.DeviceMemory?.Own)]);
        observer.OnLog(report);
    }

    /// <summary>Replaces the weights by their moving average until the result is disposed of; null if there is none.</summary>
    internal IDisposable? SwapAverage() => Ema?.Swap(copies);

    static (string, double)[] Optional(string name, double? value) => value is { } known ? [(name, known)] : [];

    void Sample(long step)
    {
        if (!task.Processes.IsFirst) return;
        using var averaged = SwapAverage();
        task.Model.eval();
        try
        {
            // Only this process makes samples, so it can stop between two tokens without the others.
            Showing.Try("the samples", observer, stop, () =>
            {
                if (task.Samples(stop.Token) is { Count: > 0 } samples) observer.OnSamples(step, samples);
            });
        }
        catch (OperationCanceledException) when (!task.Processes.IsAlone && stop.Reason is not null)
        {
            // The others are already waiting in the next step, after which all agree to stop.
        }
        task.Model.train();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Optimizer.Dispose();
        Ema?.Dispose();
        watch?.Dispose();
        threads?.Dispose();
    }
}
