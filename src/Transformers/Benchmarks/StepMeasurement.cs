namespace Transformers.Benchmarks;

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
