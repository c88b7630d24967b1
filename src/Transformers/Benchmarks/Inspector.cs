using Transformers.Configs;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Options of an inspection.</summary>
public sealed record InspectionOptions
{
    /// <summary>The device to run on.</summary>
    public Device Device { get => field ?? NativeLibraries.Cpu; init; }
    /// <summary>The type of products; null for that of the config.</summary>
    public Precision? Precision { get; init; }
    /// <summary>The number of devices that scaling is estimated for.</summary>
    public int Devices { get; init; } = 1;
    /// <summary>Whether one micro-batch runs, to measure activations and time.</summary>
    public bool Measure { get; init; } = true;
    /// <summary>The approximate maximum time for measuring.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Bytes per second between devices; null for the speed of this machine's memory.</summary>
    public double? LinkBytesPerSecond { get; init; }
    /// <summary>The latency of a message between devices, in seconds.</summary>
    public double LinkLatencySeconds { get; init; }
    /// <summary>The folder of prepared data.</summary>
    public string Cache { get; init; } = DataCache.Folder;
    /// <summary>Receives the fraction of the measurement that is done, from 0 to 1.</summary>
    public Action<double>? Progress { get; init; }
}

/// <summary>Computes the sizes and costs of a config or a run, before any training.</summary>
public static class Inspector
{
    /// <summary>Inspects a config.</summary>
    /// <param name="config">A <see cref="RunConfig"/> or a <see cref="ModelFragment"/>.</param>
    /// <exception cref="UserException">The config has only a model, and a size depends on the data.</exception>
    public static ModelInspection Inspect(object config, InspectionOptions? options = null)
    {
        options ??= new();
        NativeLibraries.Load();
        var run = config as RunConfig;
        var model = run?.Model ?? ((ModelFragment)config).Model;
        var data = run is null ? Kind.For(model).ProfileAlone(model) : Kind.For(model).ReadProfile(run, new TrainingOptions { Run = "", Cache = options.Cache });
        var training = run?.Training ?? ModelAlone;
        if (options.Precision is { } precision) training = training with { Precision = precision };
        var (flops, table) = (data.FlopsOf(model), Kind.For(model).ListParameters(model, data));
        var memory = ModelMemory.Of(training, table, WeightCopies.AreUsed(options.Device, Precisions.Resolve(training.Precision, options.Device)));
        var (measured, reason) = options.Measure ? Measure(new StepTimer(model, training, data, memory, options.Device) { Devices = options.Devices, Limit = options.Limit, Progress = options.Progress }, flops) : (null, null);
        return new ModelInspection(
            Model: KindAttribute.Of(model),
            Unit: data.Unit,
            Vocabulary: data.Vocabulary > 0 ? data.Vocabulary : null,
            Classes: data.Classes > 0 ? data.Classes : null,
            Cost: ModelCost.Of(flops, BatchShape.Mean(data.Batches), table),
            Parameters: table,
            Training: run is null ? null : Plan(training, data, memory, table, measured, options),
            Measured: measured,
            NotMeasured: reason,
            Notes: measured?.Part is { } part && run is not null ? [.. data.Notes, .. DeviceScaling.Assumptions(options.Devices, part, BatchShape.Mean(data.Batches).Rows)] : data.Notes);
    }

    // A model alone is measured with the most common kind of step.
    static readonly TrainingConfig ModelAlone = new() { Steps = 1, Batch = new() { Sequences = 1 }, Optimizer = new AdamWConfig { Lr = 1e-3 } };

    static (StepMeasurement?, string?) Measure(StepTimer timer, ModelFlops flops)
    {
        try
        {
            return (timer.Measure(flops), null);
        }
        catch (NotMeasuredException exception)
        {
            return (null, exception.Message);
        }
    }

    static TrainingPlan Plan(TrainingConfig training, DataProfile data, ModelMemory memory, IReadOnlyList<ParameterShape> table, StepMeasurement? measured, InspectionOptions options)
    {
        var parameters = table.Sum(one => one.Count);
        var batch = BatchShape.Mean(data.Batches);
        var rows = Math.Min(training.Batch.Micro ?? batch.Rows, batch.Rows);
        return new TrainingPlan(
            Device: options.Device.ToString(),
            Precision: Precisions.NameOf(Precisions.Resolve(training.Precision, options.Device)),
            SequencesPerStep: batch.Rows,
            SequenceLengths: batch.Target > 0 ? [batch.Source, batch.Target] : batch.Source > 0 ? [batch.Source] : null,
            UnitsPerStep: batch.Units,
            MicroBatches: (batch.Rows + rows - 1) / rows,
            Steps: training.Steps,
            UnitsPerParameter: (double)batch.Units * training.Steps / parameters,
            Memory: memory,
            Scaling: options.Devices == 1 || measured is null ? null
                : DeviceScaling.Of(options.Devices, training.ShardOptimizer, measured, batch.Units, (options.LinkBytesPerSecond ?? DeviceScaling.MemoryLink(options.Device), options.LinkLatencySeconds)),
            TotalSeconds: training.Steps * measured?.StepSeconds);
    }
}
