using Transformers.IO;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>What a model comes to, and the training that its config describes.</summary>
public sealed record ModelInspection
{
    /// <summary>The kind of model.</summary>
    public required string Model { get; init; }
    /// <summary>What throughput counts: <c>tokens</c> or <c>images</c>.</summary>
    public required string Unit { get; init; }
    /// <summary>The number of tokens V, the target's where there are two vocabularies; null for images.</summary>
    public int? Vocabulary { get; init; }
    /// <summary>The number of classes; null where there are none.</summary>
    public int? Classes { get; init; }
    /// <summary>What a unit costs.</summary>
    public required ModelCost Cost { get; init; }
    /// <summary>Every tensor.</summary>
    public required IReadOnlyList<ParameterShape> Parameters { get; init; }
    /// <summary>The training; null for a model alone.</summary>
    public TrainingPlan? Training { get; init; }
    /// <summary>What a micro-batch took here, or one row for a model alone; null where nothing was measured.</summary>
    public StepMeasurement? Measured { get; init; }
    /// <summary>Why nothing was measured; null where it was, or was not asked for.</summary>
    public string? NotMeasured { get; init; }
    /// <summary>What had to be assumed.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <summary>What a training run will need.</summary>
public sealed record TrainingPlan
{
    /// <summary>Where it runs.</summary>
    public required string Device { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Sequences, pairs or images that a step learns from.</summary>
    public required long SequencesPerStep { get; init; }
    /// <summary>Positions of a sequence, padding included; of a pair the source's and the target's; null for images.</summary>
    public IReadOnlyList<long>? SequenceLengths { get; init; }
    /// <summary>Tokens or images that a step learns from: the effective batch.</summary>
    public required long UnitsPerStep { get; init; }
    /// <summary>Forward and backward passes a step.</summary>
    public required long MicroBatches { get; init; }
    /// <summary>Steps.</summary>
    public required int Steps { get; init; }
    /// <summary>Tokens or images of the whole run for each parameter; Hoffmann et al. 2022 find about 20 tokens best for a given amount of computing.</summary>
    public required double UnitsPerParameter { get; init; }
    /// <summary>Memory by kind, without activations.</summary>
    public required ModelMemory Memory { get; init; }
    /// <summary>What several devices would give; null where one was asked for, or nothing was measured.</summary>
    public DeviceScaling? Scaling { get; init; }
    /// <summary>Seconds of all steps as measured; preparation, validation and saving come on top. Null where nothing was measured.</summary>
    public double? TotalSeconds { get; init; }
}

/// <summary>A matrix that vectors are multiplied by.</summary>
/// <param name="In">Columns: the width of what comes in.</param>
/// <param name="Out">Rows: the width of what goes out.</param>
/// <param name="Times">How many matrices have these sizes.</param>
public sealed record Product(long In, long Out, int Times);

/// <summary>What a unit, a token or an image, costs.</summary>
/// <remarks>Counted as in Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B.</remarks>
public sealed record ModelCost
{
    /// <summary>All parameters.</summary>
    public required long Parameters { get; init; }
    /// <summary>Parameters of matrices that vectors are multiplied by: the N of 6·N.</summary>
    public required long MatrixParameters { get; init; }
    /// <summary>Operations of attention's own products, a unit, forwards and backwards.</summary>
    public required double AttentionFlops { get; init; }
    /// <summary>Operations a unit of training: forwards and backwards.</summary>
    public required double TrainingFlops { get; init; }
    /// <summary>The matrices, by their sizes.</summary>
    public required IReadOnlyList<Product> Products { get; init; }

    /// <summary>Operations a unit forwards.</summary>
    public double ForwardFlops => TrainingFlops / 3;

    /// <summary>The cost of a model over batches of a shape.</summary>
    internal static ModelCost Of(ModelFlops flops, BatchShape shape, IReadOnlyList<ParameterShape> table)
    {
        var forward = flops.Forward(shape);
        return new ModelCost
        {
            Parameters = table.Sum(one => one.Count),
            MatrixParameters = forward.Matrices.Sum(one => one.In * one.Out * one.Times),
            AttentionFlops = 3 * forward.AttentionFlops / shape.Units,
            TrainingFlops = 3 * forward.Flops / shape.Units,
            Products = [.. forward.Matrices.GroupBy(one => (one.In, one.Out)).Select(group => new Product(group.Key.In, group.Key.Out, (int)group.Sum(one => one.Times)))],
        };
    }
}

/// <summary>Bytes that training holds from step to step, exact by kind; activations come on top.</summary>
public sealed record ModelMemory
{
    const long Wide = sizeof(float), Narrow = 2;

    /// <summary>The weights, in 32 bits.</summary>
    public required long Weights { get; init; }
    /// <summary>Copies of the weights of linear layers in bfloat16; 0 where products read the weights themselves.</summary>
    public required long WeightCopies { get; init; }
    /// <summary>The gradients.</summary>
    public required long Gradients { get; init; }
    /// <summary>The optimizer's state.</summary>
    public required long Optimizer { get; init; }
    /// <summary>The moving average of the weights.</summary>
    public required long Average { get; init; }
    /// <summary>The copy in the machine's memory that a checkpoint is written from while training goes on.</summary>
    public required long CheckpointCopy { get; init; }

    /// <summary>All together.</summary>
    public long Total => Resident + CheckpointCopy;

    /// <summary>What the device holds during a step, without activations.</summary>
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
        return new ModelMemory
        {
            Weights = weights,
            WeightCopies = copies ? Narrow * table.Where(one => one.Linear).Sum(one => one.Count) : 0,
            Gradients = gradients,
            Optimizer = slots * gradients,
            Average = average,
            CheckpointCopy = weights + slots * gradients + average,
        };
    }
}

/// <summary>What data-parallel training on several devices like this one would give: each has a batch of its own, and gradients are averaged after each step.</summary>
/// <param name="Devices">The number of devices n.</param>
/// <param name="BytesPerDevice">What each sends a step: 2·(n-1)/n times the gradients, as a ring does (Patarasuk and Yuan 2009).</param>
/// <param name="BytesPerSecond">How fast: measured on this machine's memory, or given.</param>
/// <param name="StepSeconds">Seconds a step.</param>
/// <param name="UnitsPerSecond">Tokens or images a second of all devices.</param>
/// <param name="Efficiency">That over n times one device's, 0 to 1.</param>
public sealed record DeviceScaling(int Devices, double BytesPerDevice, double BytesPerSecond, double StepSeconds, double UnitsPerSecond, double Efficiency)
{
    /// <summary>The estimate.</summary>
    /// <param name="devices">n.</param>
    /// <param name="step">Seconds a step on one device, as measured.</param>
    /// <param name="units">Units a step on one device.</param>
    /// <param name="parameters">Parameters.</param>
    /// <param name="bytesPerSecond">The speed of the link.</param>
    internal static DeviceScaling Of(int devices, double step, long units, long parameters, double bytesPerSecond)
    {
        var bytes = 2.0 * (devices - 1) / devices * sizeof(float) * parameters;
        // Sending is not assumed to overlap with computing.
        var seconds = step + bytes / bytesPerSecond;
        return new(devices, bytes, bytesPerSecond, seconds, devices * units / seconds, step / seconds);
    }

    /// <summary>Bytes a second that two devices exchange through this machine's memory: each byte is read and written.</summary>
    internal static double MemoryLink(Device device) => KernelTimes.BytesPerSecond(device, TimeSpan.FromMilliseconds(60)) / 2;
}
