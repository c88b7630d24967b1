using Transformers.Configs;
using Transformers.Training;

namespace Transformers.Reports.Plots;

/// <summary>The learning rate over the steps of a run.</summary>
public static class SchedulePlot
{
    /// <summary>What a config asks for.</summary>
    /// <param name="config">A run's config.</param>
    /// <param name="points">The most points of the line.</param>
    public static LineChart Of(RunConfig config, int points = 1000)
    {
        var training = config.Training;
        var schedule = new Schedule(training.Schedule, training.Optimizer.Lr, training.Steps, config.Model.Width);
        var stride = Math.Max(1, training.Steps / points);
        // The end of the warmup is a corner: it is a point of its own.
        var steps = Enumerable.Range(0, (training.Steps + stride - 1) / stride).Select(i => (long)i * stride + 1)
            .Append(training.Steps).Append(Math.Max(1, training.Schedule.Warmup)).Distinct().Order();
        return new($"Learning rate: {KindAttribute.Of(training.Schedule)}, warmup {training.Schedule.Warmup}", "step", "learning rate",
            [new Series("", [.. steps.Select(step => ((double)step, schedule.At(step)))])]);
    }
}
