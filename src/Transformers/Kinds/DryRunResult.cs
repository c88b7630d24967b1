using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>What a run would be: what <c>train --dry-run --json</c> prints.</summary>
public sealed record DryRunResult
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.dry-run/1";
    /// <summary>The run's folder.</summary>
    public required string Run { get; init; }
    /// <summary><c>new</c>, <c>resumes</c> or <c>finished</c>.</summary>
    public required string State { get; init; }
    /// <summary>The step that it would go on from; absent for a new run.</summary>
    public long? From { get; init; }
    /// <summary>The step that it would end at.</summary>
    public required long Steps { get; init; }
    /// <summary>The seeds, where several would be trained.</summary>
    public IReadOnlyList<ulong>? Seeds { get; init; }
    /// <summary>The kind of model.</summary>
    public required string Model { get; init; }
    /// <summary>The number of parameters; one that is used twice counts once.</summary>
    public required long Parameters { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Where it would run.</summary>
    public required string Device { get; init; }
    /// <summary>What a step counts: <c>tokens</c> or <c>images</c>.</summary>
    public required string Unit { get; init; }
    /// <summary>These in the first step.</summary>
    public required long UnitsPerStep { get; init; }
    /// <summary>Targets in the first step.</summary>
    public required long TargetsPerStep { get; init; }
    /// <summary>Forward and backward passes of the first step.</summary>
    public required int MicroBatches { get; init; }
    /// <summary>The loss of the first pass with fresh weights, nats a target.</summary>
    public required double Loss { get; init; }
    /// <summary>The norm of its gradient.</summary>
    public required double GradientNorm { get; init; }
    /// <summary>The loss of one validation batch; absent without validation data.</summary>
    public double? ValLoss { get; init; }
    /// <summary>What it would need of memory.</summary>
    public required DryRunMemory Memory { get; init; }
    /// <summary>What it would need of the disk.</summary>
    public required DryRunDisk Disk { get; init; }
}

/// <summary>Memory of a run, in bytes.</summary>
/// <param name="Measured">The most that was resident during the passes: program, data, weights, gradients, activations.</param>
/// <param name="Optimizer">The optimizer's state.</param>
/// <param name="Average">The moving average of the weights.</param>
/// <param name="CheckpointCopy">The copy that a checkpoint is written from while training goes on.</param>
/// <param name="Available">What this process can have; null where the system does not tell.</param>
public sealed record DryRunMemory(long Measured, long Optimizer, long Average, long CheckpointCopy, long? Available)
{
    /// <summary>All together.</summary>
    public long Needed => Measured + Optimizer + Average + CheckpointCopy;
    /// <summary>Whether it is there.</summary>
    public bool Fits => Available is not { } there || Needed <= there;
}

/// <summary>Disk of a run, in bytes.</summary>
/// <param name="Checkpoint">One checkpoint.</param>
/// <param name="Needed">All that are kept, and one that is being written.</param>
/// <param name="Available">What is free where the run's folder is; null where the system does not tell.</param>
public sealed record DryRunDisk(long Checkpoint, long Needed, long? Available)
{
    /// <summary>Whether it is there.</summary>
    public bool Fits => Available is not { } there || Needed <= there;
}
