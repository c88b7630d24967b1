using TorchSharp;
using Transformers.Configs;
using Transformers.Inspection.Kernels;
using Transformers.Inspection.Plans;
using Transformers.IO;
using Transformers.Models;
using Transformers.Training;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Inspection;

/// <summary>How a config is inspected.</summary>
public sealed record InspectionOptions
{
    /// <summary>Where it would run.</summary>
    public Device Device { get => field ?? NativeLibraries.Cpu; init; }
    /// <summary>The type of products; null for the config's.</summary>
    public Precision? Precision { get; init; }
    /// <summary>The number of devices that scaling is predicted for.</summary>
    public int Devices { get; init; } = 1;
    /// <summary>Bytes a second between devices; null for what this machine's memory gives.</summary>
    public double? LinkBytesPerSecond { get; init; }
    /// <summary>The folder of prepared data.</summary>
    public string Cache { get; init; } = Path.Combine("data", ".cache");
}

/// <summary>Says what a config or a run comes to, before any training.</summary>
public static class Inspector
{
    /// <summary>Inspects a config.</summary>
    /// <param name="config">A <see cref="RunConfig"/> or a <see cref="ModelFragment"/>.</param>
    /// <param name="options">How.</param>
    /// <exception cref="UserException">A model alone leaves something to the data.</exception>
    public static ModelInspection Inspect(object config, InspectionOptions? options = null)
    {
        options ??= new();
        NativeLibraries.Load();
        var training = config as RunConfig;
        var model = training?.Model ?? ((ModelFragment)config).Model;
        var data = training is null ? DataProfile.OfModel(model) : DataProfile.Of(training, new TrainingOptions { Run = "", Cache = options.Cache });
        var plan = new ModelPlan(model, data, training?.Training.LabelSmoothing ?? 0);
        var table = plan.Parameters;
        var cost = ModelCost.Of(plan, BatchShape.Mean(data.Batches), table);
        return new ModelInspection
        {
            Model = KindAttribute.Of(model),
            Unit = plan.Unit,
            Vocabulary = model is TextModelConfig ? data.Vocabulary : null,
            Classes = data.Classes > 0 ? data.Classes : null,
            Cost = cost,
            Parameters = table,
            Training = training is null ? null : Plan(training, plan, cost, table, options),
            Notes = data.Notes,
        };
    }

    const long TrainingObjects = 16 << 20; // as the ready configs have them

    static TrainingPlan Plan(RunConfig config, ModelPlan plan, ModelCost cost, IReadOnlyList<ParameterShape> table, InspectionOptions options)
    {
        var (training, device) = (config.Training, options.Device);
        var precision = Precisions.Resolve(options.Precision ?? training.Precision, device);
        var batch = BatchShape.Mean(plan.Data.Batches);
        var rows = Math.Min(training.Batch.Micro ?? batch.Rows, batch.Rows);
        var passes = (batch.Rows + rows - 1) / rows;
        var largest = BatchShape.Largest(plan.Data.Batches).Cut(training.Batch.Micro ?? long.MaxValue);
        // What the libraries take when they are first used is theirs as long as the run lasts.
        KernelTimes.WarmUp(device, precision);
        // Training gives back what reading the data took before it begins, and then has objects and compiled methods of its own.
        DeviceMemory.TrimMemory();
        var program = ProcessMemory.Resident + TrainingObjects;
        var step = StepPrediction.Measure(plan, batch.Cut(rows), passes, new UpdateKernel(table, training.Optimizer, training.Ema?.Decay), batch.Units, precision, device);
        var peak = MachinePeaks.FlopsPerSecond(device, precision, again: true);
        return new TrainingPlan
        {
            Device = device.ToString(),
            Precision = precision == Precision.Bf16 ? "bf16" : "fp32",
            SequencesPerStep = batch.Rows,
            SequenceLengths = batch.Target > 0 ? [batch.Source, batch.Target] : batch.Source > 0 ? [batch.Source] : null,
            UnitsPerStep = batch.Units,
            MicroBatches = passes,
            Steps = training.Steps,
            UnitsPerParameter = (double)batch.Units * training.Steps / cost.Parameters,
            Memory = MemoryPlan.Of(config, plan, cost, largest, precision, program),
            PeakFlopsPerSecond = peak,
            Step = step,
            Utilisation = cost.TrainingFlops * batch.Units / step.Seconds / peak,
            Scaling = options.Devices == 1 ? null
                : DeviceScaling.Of(options.Devices, step.Seconds, batch.Units, cost.Parameters, options.LinkBytesPerSecond ?? DeviceScaling.MemoryLink(device)),
        };
    }
}
