using Transformers.Configs;

namespace Transformers.Training;

/// <summary>How the learning rate changes with the step; closed by <c>kind</c>.</summary>
public abstract record ScheduleConfig
{
    /// <summary>The number of steps over which the rate rises from zero to its peak.</summary>
    [AtLeast(0)]
    public int Warmup { get; init; }
}

/// <summary>The peak rate to the end.</summary>
[Kind("constant")]
public sealed record ConstantSchedule : ScheduleConfig;

/// <summary>Half a cosine from the peak to the final rate.</summary>
/// <remarks>Loshchilov and Hutter 2017, without restarts.</remarks>
[Kind("cosine")]
public sealed record CosineSchedule : ScheduleConfig
{
    /// <summary>The learning rate at the last step.</summary>
    [AtLeast(0)]
    public double FinalLr { get; init; }
}

/// <summary>A straight line from the peak to the final rate.</summary>
[Kind("linear")]
public sealed record LinearSchedule : ScheduleConfig
{
    /// <summary>The learning rate at the last step.</summary>
    [AtLeast(0)]
    public double FinalLr { get; init; }
}

/// <summary>lr · factor · width^-½ · min(step^-½, step · warmup^-3/2).</summary>
/// <remarks>Vaswani et al. 2017, section 5.3, which is <c>lr: 1</c> with <c>warmup: 4000</c>.</remarks>
[Kind("noam")]
public sealed record NoamSchedule : ScheduleConfig, IChecked
{
    /// <summary>A factor on the whole.</summary>
    [Positive]
    public double Factor { get; init; } = 1;

    /// <summary>The width in the formula; by default the model's.</summary>
    [AtLeast(1)]
    public int? Width { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Warmup > 0, "warmup", $"({Warmup}) must be above 0 for noam", "the paper uses 4000");
}

/// <summary>lr · √(warmup/step) after the warm-up.</summary>
[Kind("inverse_sqrt")]
public sealed record InverseSqrtSchedule : ScheduleConfig, IChecked
{
    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Warmup > 0, "warmup", $"({Warmup}) must be above 0 for inverse_sqrt");
}

/// <summary>Warm-up, the peak rate, then a straight line to the final rate.</summary>
/// <remarks>Hu et al. 2024, section 4 (warmup-stable-decay).</remarks>
[Kind("wsd")]
public sealed record WsdSchedule : ScheduleConfig
{
    /// <summary>The part of all steps over which the rate falls.</summary>
    [Between(0, 1)]
    public double Decay { get; init; } = 0.2;

    /// <summary>The learning rate at the last step.</summary>
    [AtLeast(0)]
    public double FinalLr { get; init; }
}
