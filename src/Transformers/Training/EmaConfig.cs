using Transformers.Configs;

namespace Transformers.Training;

/// <summary>A moving average of the weights.</summary>
public sealed record EmaConfig
{
    /// <summary>The part of the average that each step keeps.</summary>
    [Between(0, 1, Below = true)]
    public double Decay { get; init; } = 0.999;
}
