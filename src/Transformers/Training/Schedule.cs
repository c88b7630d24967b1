using Transformers.Configs;

namespace Transformers.Training;

/// <summary>How the learning rate changes with the step.</summary>
public abstract record ScheduleConfig
{
    /// <summary>The number of steps over which the rate rises from zero to its peak.</summary>
    [AtLeast(0)]
    public int Warmup { get; init; }
}

/// <summary>The peak rate until the end.</summary>
[Kind("constant")]
public sealed record ConstantScheduleConfig : ScheduleConfig;

/// <summary>Half a cosine from the peak to the final rate.</summary>
/// <remarks>Loshchilov and Hutter 2017, without restarts.</remarks>
[Kind("cosine")]
public sealed record CosineScheduleConfig : ScheduleConfig
{
    /// <summary>The learning rate at the last step.</summary>
    [AtLeast(0)]
    public double FinalLr { get; init; }
}

/// <summary>A straight line from the peak to the final rate.</summary>
[Kind("linear")]
public sealed record LinearScheduleConfig : ScheduleConfig
{
    /// <summary>The learning rate at the last step.</summary>
    [AtLeast(0)]
    public double FinalLr { get; init; }
}

/// <summary>lr · factor · width^-½ · min(step^-½, step · warmup^-3/2).</summary>
/// <remarks>Vaswani et al. 2017, section 5.3, which is <c>lr: 1</c> with <c>warmup: 4000</c>.</remarks>
[Kind("noam")]
public sealed record NoamScheduleConfig : ScheduleConfig, IChecked
{
    /// <summary>A constant factor.</summary>
    [Positive]
    public double Factor { get; init; } = 1;

    /// <summary>The width in the formula; by default the model's.</summary>
    [AtLeast(1)]
    public int? Width { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Warmup > 0, "warmup", $"({Warmup}) must be above 0 for noam", "the paper uses 4000");
}

/// <summary>lr · √(warmup/step) after the warmup.</summary>
[Kind("inverse_sqrt")]
public sealed record InverseSqrtScheduleConfig : ScheduleConfig, IChecked
{
    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Warmup > 0, "warmup", $"({Warmup}) must be above 0 for inverse_sqrt");
}

/// <summary>Warmup, the peak rate, then a straight line to the final rate.</summary>
/// <remarks>Hu et al. 2024, section 4 (warmup-stable-decay).</remarks>
[Kind("wsd")]
public sealed record WsdScheduleConfig : ScheduleConfig
{
    /// <summary>The fraction of all steps over which the rate falls.</summary>
    [Between(0, 1)]
    public double Decay { get; init; } = 0.2;

    /// <summary>The learning rate at the last step.</summary>
    [AtLeast(0)]
    public double FinalLr { get; init; }
}

/// <summary>The learning rate of each step.</summary>
/// <remarks>
/// Noam: Vaswani et al. 2017, section 5.3, lr · factor · D^-0.5 · min(s^-0.5, s · warmup^-1.5); the paper has lr = factor = 1. All others
/// rise linearly to the optimizer's learning rate over the warmup, whose first step is not 0, and then follow their formula.
/// </remarks>
public sealed class Schedule
{
    readonly ScheduleConfig config;
    readonly double peak;
    readonly long steps;
    readonly int width;

    /// <summary>Creates a schedule.</summary>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="lr">The optimizer's learning rate.</param>
    /// <param name="steps">The number of steps of the run.</param>
    /// <param name="width">The model's width D, for Noam.</param>
    public Schedule(ScheduleConfig config, double lr, long steps, int width)
    {
        this.config = config;
        this.steps = steps;
        this.width = config is NoamScheduleConfig { Width: { } own } ? own : width;
        peak = lr;
    }

    /// <summary>The highest learning rate of the whole run.</summary>
    public double Peak => config is NoamScheduleConfig noam ? peak * noam.Factor / Math.Sqrt((double)width * noam.Warmup) : peak;

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">The step, from 1.</param>
    public double At(long step)
    {
        if (config is NoamScheduleConfig noam)
            return peak * noam.Factor / Math.Sqrt(width) * Math.Min(1 / Math.Sqrt(step), step * Math.Pow(noam.Warmup, -1.5));
        if (step <= config.Warmup) return peak * step / config.Warmup;
        var after = (double)(step - config.Warmup) / Math.Max(1, steps - config.Warmup);
        return config switch
        {
            ConstantScheduleConfig => peak,
            CosineScheduleConfig cosine => cosine.FinalLr + (peak - cosine.FinalLr) * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, after))),
            LinearScheduleConfig linear => peak + (linear.FinalLr - peak) * Math.Min(1, after),
            InverseSqrtScheduleConfig => peak * Math.Sqrt((double)config.Warmup / step),
            WsdScheduleConfig wsd => StableThenDecay(wsd, step),
            _ => throw new ArgumentOutOfRangeException(nameof(step), config, "a schedule without a formula"),
        };
    }

    double StableThenDecay(WsdScheduleConfig wsd, long step)
    {
        var decaySteps = wsd.Decay * steps;
        var start = steps - decaySteps;
        return step <= start ? peak : peak + (wsd.FinalLr - peak) * Math.Min(1, (step - start) / decaySteps);
    }
}
