using Transformers.Configs;
using Transformers.Data.Text;
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

/// <summary>The sizes and costs of a model, and of the training that its config describes.</summary>
/// <param name="Model">The kind of model.</param>
/// <param name="Unit">What throughput counts: <c>tokens</c> or <c>images</c>.</param>
/// <param name="Vocabulary">The number of tokens V, the target's if there are two vocabularies; null for images.</param>
/// <param name="Classes">The number of classes; null if there are none.</param>
/// <param name="Cost">The cost of a unit.</param>
/// <param name="Parameters">Every tensor.</param>
/// <param name="Training">The training; null for a model alone.</param>
/// <param name="Measured">The measured micro-batch, or one row for a model alone; null if nothing was measured.</param>
/// <param name="NotMeasured">Why nothing was measured; null if it was, or if measuring was not requested.</param>
/// <param name="Notes">The assumptions.</param>
public sealed record ModelInspection(
    string Model, string Unit, int? Vocabulary, int? Classes, ModelCost Cost, IReadOnlyList<ParameterShape> Parameters, TrainingPlan? Training,
    StepMeasurement? Measured, string? NotMeasured, IReadOnlyList<string> Notes);

/// <summary>The needs of a training run.</summary>
/// <param name="Device">The device.</param>
/// <param name="Precision"><c>fp32</c> or <c>bf16</c>.</param>
/// <param name="SequencesPerStep">Sequences, pairs or images that a step learns from.</param>
/// <param name="SequenceLengths">Positions of a sequence, padding included; of a pair the source's and the target's; null for images.</param>
/// <param name="UnitsPerStep">Tokens or images that a step learns from: the effective batch.</param>
/// <param name="MicroBatches">Forward and backward passes of a step.</param>
/// <param name="Steps">Steps.</param>
/// <param name="UnitsPerParameter">Tokens or images of the whole run for each parameter; Hoffmann et al. 2022 find about 20 tokens optimal for a given amount of compute.</param>
/// <param name="Memory">Memory by kind, without activations.</param>
/// <param name="Scaling">The estimate for several devices; null for one device, or if nothing was measured.</param>
/// <param name="TotalSeconds">Seconds of all steps as measured, without preparation, validation and saving; null if nothing was measured.</param>
public sealed record TrainingPlan(
    string Device, string Precision, long SequencesPerStep, IReadOnlyList<long>? SequenceLengths, long UnitsPerStep, long MicroBatches, int Steps,
    double UnitsPerParameter, ModelMemory Memory, DeviceScaling? Scaling, double? TotalSeconds);

/// <summary>A matrix that vectors are multiplied by.</summary>
/// <param name="In">Columns: the width of the input.</param>
/// <param name="Out">Rows: the width of the output.</param>
/// <param name="Times">The number of matrices of these sizes.</param>
public sealed record Product(long In, long Out, int Times);

/// <summary>The cost of a unit: a token or an image.</summary>
/// <remarks>Counted as in Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B.</remarks>
/// <param name="Parameters">All parameters.</param>
/// <param name="MatrixParameters">Parameters of matrices that vectors are multiplied by: the N of 6·N.</param>
/// <param name="AttentionFlops">Operations of the products within attention, forward and backward, for a unit.</param>
/// <param name="TrainingFlops">Operations of training, forward and backward, for a unit.</param>
/// <param name="Products">The matrices, by their sizes.</param>
public sealed record ModelCost(long Parameters, long MatrixParameters, double AttentionFlops, double TrainingFlops, IReadOnlyList<Product> Products)
{
    /// <summary>Operations of the forward pass, for a unit.</summary>
    public double ForwardFlops => TrainingFlops / 3;

    /// <summary>The cost of a model over batches of a shape.</summary>
    internal static ModelCost Of(ModelFlops flops, BatchShape shape, IReadOnlyList<ParameterShape> table)
    {
        var forward = flops.Forward(shape);
        return new ModelCost(
            Parameters: table.Sum(one => one.Count),
            MatrixParameters: forward.Matrices.Sum(one => one.In * one.Out * one.Times),
            AttentionFlops: 3 * forward.AttentionFlops / shape.Units,
            TrainingFlops: 3 * forward.Flops / shape.Units,
            Products: [.. forward.Matrices.GroupBy(one => (one.In, one.Out)).Select(group => new Product(group.Key.In, group.Key.Out, (int)group.Sum(one => one.Times)))]);
    }
}

/// <summary>The exact bytes that training keeps from step to step, by kind; activations are not included.</summary>
/// <param name="Weights">The weights, in 32 bits.</param>
/// <param name="WeightCopies">Copies of the weights of linear layers in bfloat16; 0 if products read the weights themselves.</param>
/// <param name="Gradients">The gradients.</param>
/// <param name="Optimizer">The optimizer's state.</param>
/// <param name="Average">The moving average of the weights.</param>
/// <param name="CheckpointCopy">The copy in main memory from which a checkpoint is written while training continues.</param>
public sealed record ModelMemory(long Weights, long WeightCopies, long Gradients, long Optimizer, long Average, long CheckpointCopy)
{
    const long Wide = sizeof(float), Narrow = 2;

    /// <summary>The sum.</summary>
    public long Total => Resident + CheckpointCopy;

    /// <summary>The part on the device during a step.</summary>
    internal long Resident => Weights + WeightCopies + Gradients + Optimizer + Average;

    /// <summary>The memory of a run.</summary>
    /// <param name="training">How it trains.</param>
    /// <param name="table">The model's parameters.</param>
    /// <param name="copies">Whether products read copies of the weights.</param>
    /// <exception cref="UserException">A pattern of <c>training.freeze</c> matches nothing.</exception>
    internal static ModelMemory Of(TrainingConfig training, IReadOnlyList<ParameterShape> table, bool copies)
    {
        var frozen = WarmStart.Matches([.. table.Select(one => one.Name)], training.Freeze ?? []);
        var weights = Wide * table.Sum(one => one.Count);
        var gradients = Wide * table.Where(one => !frozen.Contains(one.Name)).Sum(one => one.Count);
        var slots = training.Optimizer switch
        {
            SgdConfig { Momentum: 0 } => 0,
            SgdConfig => 1,
            _ => 2,
        };
        var average = training.Ema is null ? 0 : weights;
        return new ModelMemory(
            Weights: weights,
            WeightCopies: copies ? Narrow * table.Where(one => one.Linear).Sum(one => one.Count) : 0,
            Gradients: gradients,
            Optimizer: slots * gradients,
            Average: average,
            CheckpointCopy: weights + slots * gradients + average);
    }
}

/// <summary>Predicts data-parallel training on several devices like this one from measured passes over one device's part of the
/// batch.</summary>
/// <param name="Devices">The number of devices n.</param>
/// <param name="BytesPerDevice">Bytes that each sends in a step: 2·(n-1)/n times the gradients, as in a ring (Patarasuk and Yuan 2009).</param>
/// <param name="BytesPerSecond">The speed of the link: measured on this machine's memory, or given.</param>
/// <param name="LatencySeconds">The latency of a message, in seconds.</param>
/// <param name="ExchangeSeconds">Seconds that a step's exchanges take.</param>
/// <param name="HiddenSeconds">Seconds of them that overlap with the backward pass.</param>
/// <param name="StepSeconds">Seconds of a step.</param>
/// <param name="UnitsPerSecond">Tokens or images per second of all devices.</param>
/// <param name="Efficiency">The same divided by n times the speed of one device, 0 to 1.</param>
public sealed record DeviceScaling(int Devices, double BytesPerDevice, double BytesPerSecond, double LatencySeconds, double ExchangeSeconds, double HiddenSeconds,
    double StepSeconds, double UnitsPerSecond, double Efficiency)
{
    /// <summary>The prediction.</summary>
    /// <param name="devices">The number of devices.</param>
    /// <param name="sharded">Whether each device updates only its part of the parameters.</param>
    /// <param name="measured">A whole step on one device, and one device's part of a step.</param>
    /// <param name="units">Tokens or images per step.</param>
    /// <param name="link">Bytes per second, and seconds of latency.</param>
    internal static DeviceScaling Of(int devices, bool sharded, StepMeasurement measured, long units, (double BytesPerSecond, double Latency) link)
    {
        var part = measured.Part!;
        var bytes = sizeof(float) * (double)part.Buckets.Sum(bucket => bucket.Count) * (devices - 1) / devices;
        // The reduce-scatter takes as long as the all-gather (of gradients or, with a sharded optimizer, of weights).
        double HalfOf(GradientBucket bucket) => (devices - 1) * (sizeof(float) * (double)bucket.Count / devices / link.BytesPerSecond + link.Latency);
        var half = part.Buckets.Sum(HalfOf);
        var visible = Visible(part, bucket => sharded ? HalfOf(bucket) : 2 * HalfOf(bucket)) + (sharded ? half : 0);
        var step = part.Seconds + measured.UpdateSeconds / (sharded ? devices : 1) + visible;
        return new(devices, 2 * bytes, link.BytesPerSecond, link.Latency, 2 * half, Math.Max(0, 2 * half - visible), step, units / step, measured.StepSeconds / devices / step);
    }

    // The seconds by which the exchanges outlast the backward pass, which completes the buckets of blocks one by one, in proportion to
    // their size, and the others at its end.
    static double Visible(StepPart part, Func<GradientBucket, double> seconds)
    {
        var backward = BackwardFraction * part.PassSeconds;
        double inBlocks = part.Buckets.Sum(bucket => bucket.Border is null ? 0 : bucket.Count), completed = 0, now = 0;
        foreach (var bucket in part.Buckets)
        {
            if (bucket.Border is not null) completed += bucket.Count;
            now = Math.Max(now, bucket.Border is null ? backward : backward * completed / inBlocks) + seconds(bucket);
        }
        return Math.Max(0, now - backward);
    }

    // The backward pass has two matrix products for each one of the forward pass.
    const double BackwardFraction = 2.0 / 3;

    /// <summary>What the prediction assumes, in words.</summary>
    internal static IReadOnlyList<string> Assumptions(int devices, StepPart part, long rows) =>
    [
        FormattableString.Invariant($"{devices:N0} devices divide training.batch: the one with the most rows takes {part.Rows:N0} of {rows:N0}, in micro-batches of {part.MicroRows:N0}{(devices > rows ? ", and some take none" : "")}"),
        "every device is as fast as this one and does not slow the others, each sends at the speed of --link, regardless of what the others send, and input is ready in time",
        "gradients of blocks are exchanged as the backward pass of the last micro-batch, two thirds of its time, completes them, and the others, mainly of embeddings, after it",
    ];

    /// <summary>Bytes per second that two devices can exchange through this machine's memory: each byte is read and written.</summary>
    internal static double MemoryLink(Device device) => KernelTimes.BytesPerSecond(device, TimeSpan.FromMilliseconds(60)) / 2;
}
