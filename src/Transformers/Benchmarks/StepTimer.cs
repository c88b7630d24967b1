using TorchSharp;
using Transformers.Configs;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Runs a micro-batch of random inputs, and measures its memory, its time, and that of the update.</summary>
/// <remarks>Like <see cref="MemoryFit"/>, it doubles the rows and does not try a size that, judging by the previous ones, cannot
/// fit.</remarks>
/// <param name="config">The model.</param>
/// <param name="training">How it trains.</param>
/// <param name="data">The sizes of its data.</param>
/// <param name="memory">The memory of training without activations.</param>
/// <param name="device">The device to run on.</param>
sealed class StepTimer(ModelConfig config, TrainingConfig training, DataProfile data, ModelMemory memory, Device device)
{
    const int FewestPasses = 3, MostPasses = 50;
    const double WantedSeconds = 3;
    // Small enough to keep all weights finite, whatever the inputs.
    const double LearningRate = 1e-6;

    readonly Precision precision = Precisions.Resolve(training.Precision, device);
    readonly Stopwatch clock = Stopwatch.StartNew();

    /// <summary>The longest time to measure; a pass that has begun is not interrupted.</summary>
    internal TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The number of devices that divide a step's batch.</summary>
    internal int Devices { get; init; } = 1;

    /// <summary>Receives the fraction that is done: memory first, then time.</summary>
    internal Action<double>? Progress { get; init; }

    /// <summary>Measures the device's memory; null if that is impossible.</summary>
    internal MemoryGauge? Gauge { get; init; } = MemoryGauge.Of(device);

    /// <summary>Measures.</summary>
    /// <param name="flops">Counts the model's operations.</param>
    /// <exception cref="NotMeasuredException">There is not enough memory or time.</exception>
    internal StepMeasurement Measure(ModelFlops flops)
    {
        var step = BatchShape.Mean(data.Batches);
        var rows = Math.Min(training.Batch.Micro ?? step.Rows, step.Rows);
        var (mean, largest) = (step.Cut(rows), BatchShape.Largest(data.Batches).Cut(rows));
        var peak = MachinePeaks.FlopsPerSecond(device, precision, again: true);
        CheckBefore(FewestPasses * flops.Of(mean) / peak, rows);
        try
        {
            using var scope = NewDisposeScope();
            using var work = StepWork.Create(config, data, training.LabelSmoothing, device);
            if (training.Freeze is { } patterns) WarmStart.Freeze(work.Model, patterns);
            Precisions.Apply(work.Model, precision);
            work.Model.train();
            using var update = new StepUpdate(work.Model, training, device);
            var activations = Activations(work, update, largest);
            var (pass, after) = Time(work.Batch(mean), update);
            var seconds = pass * step.Rows / rows + after;
            var part = Devices == 1 ? null : MeasurePart(work, update, step, (rows, pass));
            return new StepMeasurement(
                Device: device.ToString(),
                Precision: Precisions.NameOf(precision),
                Rows: rows,
                Activations: activations,
                PassSeconds: pass,
                UpdateSeconds: after,
                StepSeconds: seconds,
                UnitsPerSecond: step.Units / seconds,
                Part: part,
                PeakFlopsPerSecond: peak,
                Utilisation: flops.Of(step) / seconds / peak);
        }
        catch (OutOfMemoryException exception)
        {
            throw new NotMeasuredException($"a micro-batch of {rows} does not fit in the memory of {device}: {exception.Message}");
        }
    }

    // Measures the part of the device with the most rows, since the others wait for it.
    StepPart MeasurePart(StepWork work, StepUpdate update, BatchShape step, (long Rows, double Seconds) known)
    {
        var rows = (step.Rows + Devices - 1) / Devices;
        var micro = Math.Min(training.Batch.Micro ?? rows, rows);
        List<(string, TorchSharp.Modules.Parameter)> trained = [.. work.Model.named_parameters().Where(named => named.parameter.requires_grad)];
        return new StepPart(rows, micro, micro == known.Rows ? known.Seconds : Time(work.Batch(step.Cut(micro)), update).Pass)
        {
            Buckets = GradientStore.LayoutOf(work.Model, trained, Devices, out _).Buckets,
        };
    }

    void CheckBefore(double leastSeconds, long rows)
    {
        if (Gauge?.Room is { } room && memory.Resident > room.Bytes)
            throw new NotMeasuredException($"weights, gradients and optimizer state take {MemoryNeed.Text(memory.Resident)}, but only {MemoryNeed.Text(room.Bytes)} are free ({room.Source})");
        CheckTime(leastSeconds, rows);
    }

    void CheckTime(double more, long rows)
    {
        if (clock.Elapsed.TotalSeconds + more > Limit.TotalSeconds)
            throw new NotMeasuredException(string.Create(CultureInfo.InvariantCulture,
                $"{FewestPasses} passes over a micro-batch of {rows} take {more:0} s or more, but measuring stops after {Limit.TotalSeconds:0} s"));
    }

    // The bytes that a pass adds. Gradients exist before it, as they do for every micro-batch but the first of a step.
    long? Activations(StepWork work, StepUpdate update, BatchShape largest)
    {
        var first = work.Batch(largest.Cut(1));
        Pass(first);
        update.Take();
        // The first pass loads libraries and compiles methods; the second takes as long as every later one.
        var second = Seconds(() => Pass(first));
        CheckTime(FewestPasses * largest.Rows * second, largest.Rows);
        if (Gauge is null) return null;
        long before = 0;
        var need = MemoryFit.NeedOf((int)largest.Rows, some =>
        {
            CheckTime(0, largest.Rows);
            var loss = work.Batch(largest.Cut(some));
            Gauge.Begin();
            before = Gauge.Used;
            Pass(loss);
            Progress?.Invoke(0.5 * some / largest.Rows);
            return new MemoryNeed(some, Gauge.Peak, Gauge.HoldsCopies ? memory.CheckpointCopy : 0, Gauge.Used, Gauge.Room, some);
        });
        return need.Fits() ? Math.Max(0, need.Peak - before) : throw new NotMeasuredException(need.ToString());
    }

    (double Pass, double Update) Time(Func<Tensor> loss, StepUpdate update)
    {
        var (passes, updates) = (new List<double>(), new List<double>());
        Pass(loss);
        update.Take();
        var began = clock.Elapsed.TotalSeconds;
        var until = Math.Min(Limit.TotalSeconds, began + WantedSeconds);
        while (passes.Count < FewestPasses || (passes.Count < MostPasses && clock.Elapsed.TotalSeconds < until))
        {
            if (passes.Count > 0 && clock.Elapsed > Limit) break;
            passes.Add(Seconds(() => Pass(loss)));
            updates.Add(Seconds(update.Take));
            // Enough passes or enough time, whichever comes first, but never too few passes.
            var enough = Math.Max((double)passes.Count / MostPasses, (clock.Elapsed.TotalSeconds - began) / (until - began));
            Progress?.Invoke(0.5 + 0.5 * Math.Clamp(Math.Min(enough, (double)passes.Count / FewestPasses), 0, 1));
        }
        return (Median(passes), Median(updates));
    }

    static void Pass(Func<Tensor> loss)
    {
        using var scope = NewDisposeScope();
        Gradients.Backward(loss());
    }

    double Seconds(Action action)
    {
        var started = Stopwatch.GetTimestamp();
        action();
        if (device.type == DeviceType.CUDA) cuda.synchronize(device);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    static double Median(List<double> seconds) => seconds.Order().ElementAt(seconds.Count / 2);

    // The part of a step after the passes.
    sealed class StepUpdate(nn.Module model, TrainingConfig training, Device device) : IDisposable
    {
        readonly Optimizer optimizer = Optimizer.Create(training.Optimizer, model);
        readonly WeightAverage? average = training.Ema is { } ema ? new(model, ema.Decay) : null;
        readonly WeightCopies? copies = WeightCopies.For(model, device);

        internal void Take()
        {
            using var scope = NewDisposeScope();
            var norm = optimizer.GradientNorm();
            optimizer.Step(LearningRate, training.Clip > 0 && norm > training.Clip ? training.Clip / norm : 1);
            average?.Update(optimizer.Steps);
            copies?.Refresh();
            optimizer.ZeroGradients();
        }

        public void Dispose()
        {
            optimizer.Dispose();
            average?.Dispose();
        }
    }
}

/// <summary>A step cannot be measured here; the message gives the reason.</summary>
sealed class NotMeasuredException(string message) : Exception(message);

/// <summary>The measurements of a micro-batch of random inputs on this machine.</summary>
/// <param name="Device">Where it ran.</param>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c>.</param>
/// <param name="Rows">Sequences, pairs or images of the micro-batch.</param>
/// <param name="Activations">Bytes that the largest micro-batch takes at its peak, beyond weights, gradients and optimizer state; null if the device's memory cannot be read.</param>
/// <param name="PassSeconds">Seconds of the forward and backward pass of the mean micro-batch: the median of several.</param>
/// <param name="UpdateSeconds">Seconds of gradient norm, optimizer and weight average: the median of several.</param>
/// <param name="StepSeconds">Seconds per step: the passes of all its micro-batches, and the update.</param>
/// <param name="UnitsPerSecond">Tokens or images per second.</param>
/// <param name="Part">One device's part of a step that several devices divide; null for one device.</param>
/// <param name="PeakFlopsPerSecond">The machine's measured peak, operations per second.</param>
/// <param name="Utilisation">The fraction of that peak which a step reaches.</param>
public sealed record StepMeasurement(
    string Device, string Precision, long Rows, long? Activations, double PassSeconds, double UpdateSeconds, double StepSeconds,
    double UnitsPerSecond, StepPart? Part, double PeakFlopsPerSecond, double Utilisation);

/// <summary>The measured part of a step's batch that the device with the most rows processes.</summary>
/// <param name="Rows">Sequences, pairs or images of the part.</param>
/// <param name="MicroRows">Sequences, pairs or images of a micro-batch.</param>
/// <param name="PassSeconds">Seconds of a micro-batch's forward and backward pass.</param>
public sealed record StepPart(long Rows, long MicroRows, double PassSeconds)
{
    /// <summary>The buckets in which the gradients are exchanged.</summary>
    internal IReadOnlyList<GradientBucket> Buckets { get; init; } = [];

    /// <summary>Seconds of all passes over the part.</summary>
    internal double Seconds => PassSeconds * Rows / MicroRows;
}
