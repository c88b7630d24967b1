using Transformers.Kinds;
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
