namespace Transformers.Training;

/// <summary>The learning rate of each step.</summary>
/// <remarks>
/// Noam: Vaswani et al. 2017, section 5.3, lr · factor · D^-0.5 · min(s^-0.5, s · warmup^-1.5); the paper's has lr = factor = 1.
/// All others rise linearly to the optimizer's learning rate over the warmup, whose first step is not 0, and then
/// fall as their name says.
/// </remarks>
public sealed class Schedule
{
    readonly ScheduleConfig config;
    readonly double peak;
    readonly long steps;
    readonly int width;

    /// <summary>A schedule.</summary>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="lr">The optimizer's learning rate.</param>
    /// <param name="steps">The number of steps of the run.</param>
    /// <param name="width">The model's width D, for Noam.</param>
    public Schedule(ScheduleConfig config, double lr, long steps, int width)
    {
        this.config = config;
        this.steps = steps;
        this.width = config is NoamSchedule { Width: { } own } ? own : width;
        peak = lr;
    }

    /// <summary>The highest learning rate of the whole run.</summary>
    public double Peak => config is NoamSchedule noam ? peak * noam.Factor / Math.Sqrt((double)width * noam.Warmup) : peak;

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">The step, from 1.</param>
    public double At(long step)
    {
        if (config is NoamSchedule noam)
            return peak * noam.Factor / Math.Sqrt(width) * Math.Min(1 / Math.Sqrt(step), step * Math.Pow(noam.Warmup, -1.5));
        if (step <= config.Warmup) return peak * step / config.Warmup;
        var after = (double)(step - config.Warmup) / Math.Max(1, steps - config.Warmup);
        return config switch
        {
            ConstantSchedule => peak,
            CosineSchedule cosine => cosine.FinalLr + (peak - cosine.FinalLr) * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, after))),
            LinearSchedule linear => peak + (linear.FinalLr - peak) * Math.Min(1, after),
            InverseSqrtSchedule => peak * Math.Sqrt((double)config.Warmup / step),
            WsdSchedule wsd => StableThenDecay(wsd, step),
            _ => throw new ArgumentOutOfRangeException(nameof(step), config, "a schedule without a formula"),
        };
    }

    double StableThenDecay(WsdSchedule wsd, long step)
    {
        var decaySteps = wsd.Decay * steps;
        var start = steps - decaySteps;
        return step <= start ? peak : peak + (wsd.FinalLr - peak) * Math.Min(1, (step - start) / decaySteps);
    }
}
