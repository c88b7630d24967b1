using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The one training loop, for every kind of model.</summary>
public sealed class Trainer : IDisposable
{
    readonly TrainingTask task;
    readonly TrainingConfig config;
    readonly Precision precision;
    readonly Device device;
    readonly Schedule schedule;
    readonly TrainerOutputs outputs;
    readonly ITrainingObserver observer;
    readonly StopRequest stop;
    readonly DivergencePolicy divergence;

    /// <summary>A loop at its start; see <see cref="TrainerProgress"/> for going on from a checkpoint.</summary>
    public Trainer(TrainingTask task, TrainingConfig config, int width, Precision precision, Device device, TrainerOutputs outputs, ITrainingObserver observer, StopRequest stop)
    {
        this.task = task;
        this.config = config;
        this.precision = precision;
        this.device = device;
        this.outputs = outputs;
        this.observer = observer;
        this.stop = stop;
        schedule = new Schedule(config.Schedule, config.Optimizer.Lr, config.Steps, width);
        Optimizer = Optimizer.Create(config.Optimizer, task.Model);
        divergence = DivergencePolicy.Of(config.Divergence, outputs, observer);
        Ema = config.Ema is { } ema ? new WeightAverage(task.Model, ema.Decay) : null;
    }

    /// <summary>The optimizer and its state.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The moving average of the weights, if there is one.</summary>
    public WeightAverage? Ema { get; }

    /// <summary>Where the run stands.</summary>
    public TrainerProgress Progress { get; } = new();

    /// <summary>Whether a stop cut the last validation short; the run that goes on begins with it.</summary>
    public bool Interrupted { get; private set; }

    /// <summary>The device's measured peak, operations a second, for the reported utilisation; null for none.</summary>
    public double? PeakFlops { get; init; }

    /// <summary>Trains to the last step, or until it is asked to stop.</summary>
    /// <param name="lastStep">The step to end at; the schedule still runs to the config's.</param>
    /// <exception cref="DivergedException">A loss or gradient is not a number, and the config's policy does not go on from there.</exception>
    public void Run(long lastStep)
    {
        task.Model.train();
        Engine.GiveBackMemory(); // What preparing the data took is not needed any more.
        divergence.Begin(this, task);
        try
        {
            if (Progress.ValidatedStep < Progress.Step && IsValidated(Progress.Step, lastStep)) Validate(Progress.Step, whole: Progress.Step == lastStep);
            Loop(lastStep);
        }
        catch (OperationCanceledException) when (stop.Reason is not null)
        {
            Interrupted = true;
        }
        outputs.Save(this, task, background: false);
    }

    void Loop(long lastStep)
    {
        var meter = new Meter(config.Steps, task.Unit, PeakFlops);
        while (Progress.Step < lastStep && stop.Reason is null && !Progress.OutOfPatience)
        {
            var step = Progress.Step + 1;
            var lr = schedule.At(step);
            var started = Stopwatch.GetTimestamp();

            var (loss, units, targets, flops) = AccumulateGradients();
            var norm = Optimizer.GradientNorm();
            var bad = BadStep.Is(loss, norm);
            if (!bad) Learn(step, lr, norm);
            Optimizer.ZeroGradients();
            if (bad && !divergence.GoesOn(new BadStep(step, loss, norm), this, task)) continue;

            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            Progress.Advance(bad ? 0 : targets, seconds);
            if (!bad) meter.Add(loss, units, flops, seconds);
            observer.Stepped(step, config.Steps);
            if (step % config.Log.Every == 0 || step == lastStep) Report(meter, step, lr, norm);
            if (IsValidated(step, lastStep)) Validate(step, whole: step == lastStep);
            if (config.Sample.Every is { } every && step % every == 0 && step != lastStep) Sample(step);
            var asked = stop.TakeSave();
            if (asked || step % config.Checkpoint.Every == 0 && step != lastStep) outputs.Save(this, task, background: true);
            // What validation, sampling and saving took for themselves is not needed until they come again.
            if (step % config.Validate.Every == 0) Engine.GiveBackMemory();
        }
    }

    bool IsValidated(long step, long lastStep) => step % config.Validate.Every == 0 || step == lastStep;

    void Learn(long step, double lr, double norm)
    {
        Optimizer.Step(lr, config.Clip > 0 && norm > config.Clip ? config.Clip / norm : 1);
        Ema?.Update(step);
    }

    // The loss of every target counts the same, however the batch is cut into micro-batches.
    (double loss, long units, long targets, double flops) AccumulateGradients()
    {
        var micro = task.NextStep();
        var targets = Math.Max(1, micro.Sum(batch => batch.Targets));
        double loss = 0;
        foreach (var batch in micro) loss += Backward(batch, targets);
        return (loss, micro.Sum(batch => batch.Units), targets, micro.Sum(batch => batch.Flops));
    }

    /// <summary>Adds the gradients of a micro-batch.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="targets">The targets of the whole step.</param>
    /// <returns>Its part of the step's loss.</returns>
    internal double Backward(MicroBatch batch, long targets) => Pass(batch, targets, precision, device);

    /// <summary>Goes forwards and backwards through one micro-batch: adds its part to the gradients of a step.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="targets">The targets of the whole step.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="device">Where the model is.</param>
    /// <returns>Its part of the step's mean loss, without label smoothing.</returns>
    internal static double Pass(MicroBatch batch, long targets, Precision precision, Device device)
    {
        using var scope = NewDisposeScope();
        LossSum sum;
        using (Precisions.Enter(precision, device)) sum = batch.LossSum();
        (sum.Objective / targets).backward();
        return sum.CrossEntropy.item<float>() / targets;
    }

    /// <summary>The mean loss of a split, without gradients and dropout.</summary>
    /// <param name="batches">Its batches.</param>
    public (double loss, long targets) Evaluate(IEnumerable<MicroBatch> batches)
    {
        using var inference = no_grad();
        task.Model.eval();
        double sum = 0;
        long targets = 0;
        foreach (var batch in batches)
        {
            stop.Token.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var narrow = Precisions.Enter(precision, device);
            sum += batch.LossSum().CrossEntropy.to(ScalarType.Float64).item<double>();
            targets += batch.Targets;
        }
        task.Model.train();
        return (targets == 0 ? double.NaN : sum / targets, targets);
    }

    void Validate(long step, bool whole)
    {
        var started = Stopwatch.GetTimestamp();
        using var averaged = Ema?.Swap();
        var (loss, targets) = Evaluate(task.Validation(whole ? null : config.Validate.Batches));
        if (targets == 0) return;
        var metrics = new Dictionary<string, double>(task.DerivedMetrics(loss));
        using (no_grad())
        {
            task.Model.eval();
            foreach (var (name, value) in task.Metrics(whole, stop.Token)) metrics[name] = value;
            observer.Pictured(step, task.Pictures());
            observer.Weighed(step, task.Model);
            task.Model.train();
        }
        var best = Progress.Judge(step, loss, config.Validate.Patience);
        var report = new ValidationReport(step, loss, targets, metrics, best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        (Progress.LastValidation, Progress.ValidatedStep) = (report, step);
        outputs.Log(step, "val", [("loss", loss), .. metrics.Select(metric => (metric.Key, metric.Value))]);
        observer.Validated(report);
    }

    void Report(Meter meter, long step, double lr, double norm)
    {
        if (meter.Report(step, lr, norm) is not { } report) return;
        Progress.TrainLoss = report.Loss;
        outputs.Log(step, "train", [("loss", report.Loss), ("lr", lr), ("gradient_norm", norm), ($"{task.Unit}_per_second", report.UnitsPerSecond), ("step_seconds", report.StepSeconds), ("memory_bytes", report.MemoryBytes),
            .. report.Utilisation is { } share ? new[] { ("utilisation", share) } : []]);
        observer.Reported(report);
    }

    void Sample(long step)
    {
        using var averaged = Ema?.Swap();
        task.Model.eval();
        var samples = task.Samples(stop.Token);
        task.Model.train();
        if (samples.Count > 0) observer.Sampled(step, samples);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Optimizer.Dispose();
        Ema?.Dispose();
    }
}
