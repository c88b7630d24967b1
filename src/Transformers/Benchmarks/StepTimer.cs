using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using Transformers.Configs;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Measures one real micro-batch of random inputs: its memory, its time, and that of the update.</summary>
/// <remarks>Like <see cref="MemoryFit"/> it doubles the rows, so that no size is tried which those before show not to fit.</remarks>
/// <param name="config">The model.</param>
/// <param name="training">How it trains.</param>
/// <param name="data">The sizes of its data.</param>
/// <param name="memory">What training holds without activations.</param>
/// <param name="device">Where it runs.</param>
sealed class StepTimer(ModelConfig config, TrainingConfig training, DataProfile data, ModelMemory memory, Device device)
{
    const int FewestPasses = 3, MostPasses = 50;
    const double WantedSeconds = 3;
    // So small that no weight becomes too large, whatever the inputs.
    const double LearningRate = 1e-6;

    readonly Precision precision = Precisions.Resolve(training.Precision, device);
    readonly Stopwatch clock = Stopwatch.StartNew();

    /// <summary>The most time that measuring takes; one pass that has begun is not interrupted.</summary>
    internal TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Measures the device's memory; null where it cannot be measured.</summary>
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
            return new StepMeasurement
            {
                Device = device.ToString(),
                Precision = precision == Precision.Bf16 ? "bf16" : "fp32",
                Rows = rows,
                Activations = activations,
                PassSeconds = pass,
                UpdateSeconds = after,
                StepSeconds = seconds,
                UnitsPerSecond = step.Units / seconds,
                PeakFlopsPerSecond = peak,
                Utilisation = flops.Of(step) / seconds / peak,
            };
        }
        catch (OutOfMemoryException exception)
        {
            throw new NotMeasuredException($"a micro-batch of {rows} does not fit into the memory of {device}: {exception.Message}");
        }
    }

    void CheckBefore(double leastSeconds, long rows)
    {
        if (Gauge?.Room is { } room && memory.Resident > room.Bytes)
            throw new NotMeasuredException($"weights, gradients and optimizer state take {MemoryNeed.Text(memory.Resident)}, and {MemoryNeed.Text(room.Bytes)} are free ({room.Source})");
        CheckTime(leastSeconds, rows);
    }

    void CheckTime(double more, long rows)
    {
        if (clock.Elapsed.TotalSeconds + more > Limit.TotalSeconds)
            throw new NotMeasuredException(string.Create(CultureInfo.InvariantCulture,
                $"{FewestPasses} passes over a micro-batch of {rows} take {more:0} s or more, and measuring ends after {Limit.TotalSeconds:0} s"));
    }

    // The bytes of a pass beyond what is there before it. Gradients are there too, as with every micro-batch but a step's first.
    long? Activations(StepWork work, StepUpdate update, BatchShape largest)
    {
        var first = work.Batch(largest.Cut(1));
        Pass(first);
        update.Take();
        // The first pass loads libraries and compiles methods; the second has the time of every later one.
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
            return new MemoryNeed(some, Gauge.Peak, Gauge.HoldsCopies ? memory.CheckpointCopy : 0, Gauge.Used, Gauge.Room, some);
        });
        return need.Fits() ? Math.Max(0, need.Peak - before) : throw new NotMeasuredException(need.ToString());
    }

    (double Pass, double Update) Time(Func<Tensor> loss, StepUpdate update)
    {
        var (passes, updates) = (new List<double>(), new List<double>());
        Pass(loss);
        update.Take();
        var until = Math.Min(Limit.TotalSeconds, clock.Elapsed.TotalSeconds + WantedSeconds);
        while (passes.Count < FewestPasses || (passes.Count < MostPasses && clock.Elapsed.TotalSeconds < until))
        {
            if (passes.Count > 0 && clock.Elapsed > Limit) break;
            passes.Add(Seconds(() => Pass(loss)));
            updates.Add(Seconds(update.Take));
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

    // What follows the passes of a step.
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

/// <summary>What a micro-batch of random inputs took on this machine.</summary>
public sealed record StepMeasurement
{
    /// <summary>Where it ran.</summary>
    public required string Device { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Sequences, pairs or images of the micro-batch.</summary>
    public required long Rows { get; init; }
    /// <summary>Bytes that the largest micro-batch takes at its peak, beyond weights, gradients and optimizer state; null where the device's memory cannot be read.</summary>
    public required long? Activations { get; init; }
    /// <summary>Seconds of the forward and backward pass of the mean micro-batch: the median of several.</summary>
    public required double PassSeconds { get; init; }
    /// <summary>Seconds of gradient norm, optimizer and weight average: the median of several.</summary>
    public required double UpdateSeconds { get; init; }
    /// <summary>Seconds a step: the passes of all its micro-batches, and the update.</summary>
    public required double StepSeconds { get; init; }
    /// <summary>Tokens or images a second.</summary>
    public required double UnitsPerSecond { get; init; }
    /// <summary>The machine's measured peak, operations a second.</summary>
    public required double PeakFlopsPerSecond { get; init; }
    /// <summary>The fraction of that peak which a step reaches.</summary>
    public required double Utilisation { get; init; }
}
